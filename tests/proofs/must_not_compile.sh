#!/bin/sh
# Succeeds when the compiler refuses the file for the reason that the file names in its line "expect: REGEX":
# compilers have different words.
for last; do :; done
expected=$(sed -n 's,^// expect: ,,p' "$last")
if output=$("$@" 2>&1); then
    echo "$last compiles, but must not"
    exit 1
fi
if echo "$output" | grep -Eq -e "$expected"; then
    exit 0
fi
echo "$last fails for another reason than \"$expected\":"
echo "$output"
exit 1
