#!/bin/sh
# The functions that a header declares, one name a line, sorted: declared.sh HEADER
# The preprocessor drops the comments, which mention functions too.
echo "#include \"$1\"" | cc -E -P -x c - | tr '\n' ' ' | tr ';' '\n' |
  grep -v '^ *typedef' | grep -oE '\bscrl_[a-z0-9_]+ *\(' | tr -d ' (' | LC_ALL=C sort -u
