#!/bin/sh
# Succeeds when the compiler refuses the file for the reason that the file names in its line "expect: TEXT".
for last; do :; done
expected=$(sed -n 's,^// expect: ,,p' "$last")
if output=$("$@" 2>&1); then
    echo "$last compiles, but must not"
    exit 1
fi
case $output in
    *"$expected"*) exit 0 ;;
esac
echo "$last fails for another reason than \"$expected\":"
echo "$output"
exit 1
