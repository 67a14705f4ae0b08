#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# http/ui_files.sh DIR: the files below DIR as the C table of http/uifile.h, on stdout.
set -eu
cd "$1"

files=$(find . -type f ! -name '.*' | sed 's|^\./||' | LC_ALL=C sort)
case $files in
*[!A-Za-z0-9._/'
'-]*)
	echo "http/ui_files.sh: letters, digits and . _ - only in names below $1" >&2
	exit 1
	;;
esac

echo '/* Made by http/ui_files.sh. */'
echo '#include "http/uifile.h"'
n=0
for f in $files; do
	printf '\n/* %s */\nstatic const unsigned char file_%d[] = {\n' "$f" "$n"
	# One byte more than there is, so that an empty file is an array too and texts end in NUL.
	od -An -v -tx1 "$f" | sed 's/ \(..\)/0x\1,/g'
	printf '0x00\n};\n'
	n=$((n + 1))
done

# When the newest of them was changed; what is packaged says so itself.
newest=${SOURCE_DATE_EPOCH:-$(stat -c %Y $files | sort -n | tail -1)}
printf '\nconst long long ui_files_time = %s;\n' "$newest"

printf '\nconst struct ui_file ui_files[] = {\n'
n=0
for f in $files; do
	printf '\t{ "%s", file_%d, sizeof(file_%d) - 1 },\n' "$f" "$n" "$n"
	n=$((n + 1))
done
printf '\t{ 0, 0, 0 },\n};\nconst unsigned int ui_files_n = %d;\n' "$n"
