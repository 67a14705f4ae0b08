# SPDX-License-Identifier: GPL-2.0-or-later
# The man page peercast.ini(5), made of peercast.ini itself and a page around it:
#
#   awk -f ini5.awk [-v texts=ja.tsv] page.5.in peercast.ini
#
# "@KEYS@" in the page is where the keys go. texts: a line each of "Section/key", "key", "[Section]" or "=English
# sentence", a tab, and the text in that language; what is not there stays English.
BEGIN {
	FS = "\t"
	if (texts != "")
		while ((getline line < texts) > 0)
			if (line !~ /^#/ && (i = index(line, "\t")) > 0)
				told[substr(line, 1, i - 1)] = substr(line, i + 1)
}

# Nothing that roff would take for its own.
function plain(s) {
	gsub(/\\/, "\\e", s)
	if (s ~ /^[.']/)
		s = "\\&" s
	return s
}

# A sentence a line, and none longer than 78 bytes where there are blanks.
function lines_of(s,   n, i, word, line, all) {
	n = split(plain(s), word, / +/)
	for (i = 1; i <= n; i++) {
		if (line != "" && (length(line) + 1 + length(word[i]) > 78 ||
		    (line ~ /[a-z)][.]$/ && word[i] ~ /^[A-Z]/))) {
			all = all line "\n"
			line = plain(word[i])
		} else {
			line = line (line != "" ? " " : "") word[i]
		}
	}
	return all line "\n"
}

function text(name, key, english) {
	if ((name "/" key) in told)
		return told[name "/" key]
	if (key in told)
		return told[key]
	if (("=" english) in told)
		return told["=" english]
	return english
}

function end_list() {
	if (listed)
		out = out ".El\n"
	listed = 0
}

function begin_section(name) {
	end_list()
	section = name
	if (!(name in begun)) {
		out = out ".Ss " name "\n"
		s = ("[" name "]") in told ? told["[" name "]"] : doc
		if (s != "")
			out = out lines_of(s)
	}
	begun[name] = 1
	doc = ""
}

function put_key(name, value) {
	if ((section, name) in put)
		return
	put[section, name] = 1
	if (!listed)
		out = out ".Bl -tag -width Ds\n"
	listed = 1
	out = out ".It Cm " name " =" (value != "" ? " \\&" value : "") "\n"
	s = text(section, name, doc)
	out = out lines_of(s != "" ? s : ".")
}

function pair(line,   i, name, value) {
	i = index(line, "=")
	name = substr(line, 1, i - 1)
	value = substr(line, i + 1)
	gsub(/^[ \t]+|[ \t]+$/, "", name)
	gsub(/^[ \t]+|[ \t]+$/, "", value)
	put_key(name, value)
	doc = ""
}

FILENAME != last {
	last = FILENAME
	files++
}

files == 1 {
	page[++lines] = $0
	next
}

/^# \[End\]$/ || /^\[End\]$/ {
	doc = ""
	next
}
/^(# )?\[[A-Za-z0-9]+\]$/ {
	sub(/^# /, "")
	begin_section(substr($0, 2, length($0) - 2))
	next
}
# a block that is there as an example
/^# [A-Za-z]+ = / && (section == "Feed" || section == "Uptest" || section == "Hook") {
	pair(substr($0, 3))
	next
}
/^#/ {
	sub(/^# # /, "# ")     # in a block that is there as an example
	doc = doc (doc != "" ? " " : "") substr($0, 3)
	next
}
/^$/ {
	doc = ""
	next
}
/=/ {
	pair($0)
}

END {
	end_list()
	for (i = 1; i <= lines; i++)
		if (page[i] == "@KEYS@")
			printf "%s", out
		else
			print page[i]
}
