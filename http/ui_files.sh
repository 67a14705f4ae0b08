#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# http/ui_files.sh DIR gzip|plain: the files below DIR as the C table of http/uifile.h, on stdout; gzip: packed.
set -eu
pack=$2
cd "$1"

files=$(find . -type f ! -name '.*' | sed 's|^\./||' | LC_ALL=C sort)
case $files in
*[!A-Za-z0-9._/'
'-]*)
	echo "http/ui_files.sh: letters, digits and . _ - only in names below $1" >&2
	exit 1
	;;
esac

# What the node itself reads.
is_text() {
	case $1 in
	*.html | *.json) true ;;
	*) false ;;
	esac
}

# No name and no time, so that the same files give the same bytes.
pack() {
	if [ "$pack" = gzip ]; then gzip -9nc; else cat; fi
}

# Standard input as the inside of an array, packed. One byte more than there is, so that nothing is an array too.
bytes() {
	pack | od -An -v -tx1 | sed 's/ \(..\)/0x\1,/g'
	echo 0x00
}

echo '/* Made by http/ui_files.sh. */'
echo '#include "http/uifile.h"'
printf '\nconst bool ui_packed = %s;\n' "$([ "$pack" = gzip ] && echo true || echo false)"
n=0
for f in $files; do
	if ! is_text "$f"; then
		printf '\n/* %s */\nstatic const unsigned char file_%d[] = {\n' "$f" "$n"
		bytes <"$f"
		echo '};'
	fi
	n=$((n + 1))
done

texts() {
	for f in $files; do
		if is_text "$f"; then
			cat "$f"
			printf '\0'
		fi
	done
}
printf '\n/* all texts */\nconst unsigned char ui_block[] = {\n'
texts | bytes
echo '};'
echo "const unsigned int ui_block_len = $(texts | wc -c), ui_block_packed_len = sizeof(ui_block) - 1;"

# When the newest of them was changed; what is packaged says so itself.
newest=${SOURCE_DATE_EPOCH:-$(stat -c %Y $files | sort -n | tail -1)}
printf '\nconst long long ui_files_time = %s;\n' "$newest"

printf '\nconst struct ui_file ui_files[] = {\n'
n=0
at=0
for f in $files; do
	len=$(wc -c <"$f")
	if is_text "$f"; then
		printf '\t{ "%s", %d, %d, 0, 0 },\n' "$f" "$len" "$at"
		at=$((at + len + 1))
	else
		printf '\t{ "%s", %d, 0, sizeof(file_%d) - 1, file_%d },\n' "$f" "$len" "$n" "$n"
	fi
	n=$((n + 1))
done
printf '\t{ 0, 0, 0, 0, 0 },\n};\nconst unsigned int ui_files_n = %d;\n' "$n"
