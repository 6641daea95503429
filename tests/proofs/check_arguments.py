#!/usr/bin/env python3
"""check_arguments.py ROOT: no call of which one argument changes what another one reads; C++ says nothing of their order.

Looks at the tokens of pgglue/ and core/: an argument changes a variable when it assigns to it or increments it, gives its
address to a call in it, or gives it to a call that takes it as a reference that is not const. What it does not see is a
change through a pointer or a global; what it says is always worth a look. It tries itself on samples first.
"""
import pathlib
import re
import sys

NO_CALLS = {"if", "for", "while", "switch", "return", "sizeof", "catch", "alignof", "decltype", "static_assert", "defined",
            "PG_TRY", "PG_CATCH", "noexcept", "alignas", "ereport", "errmsg"}
NOISE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', re.DOTALL | re.MULTILINE)
CALL = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
ASSIGNED = re.compile(r"(?<![\w.>])([A-Za-z_]\w*)\s*(?:\+\+|--|(?:[-+*/%|&^]|<<|>>)?=(?!=))|(?:\+\+|--)\s*([A-Za-z_]\w*)")

BAD = ["f(list(&n), n);", "f(n, g(h, &n));", "use(next(at), at);", "f(i, i++);", "f(a = 1, g(a));"]
GOOD = ["f(&n, n);", "f(list(&n), m);", "use(next(at), from.at);", "f(i, j++);", "f(g(n), n == 1);", "f([&n] { g(&n); }, m);"]
DECLARED = "int next(Ref& at);"


def plain(text):
    """Without comments, texts and directives; line breaks stay."""
    return NOISE.sub(lambda found: "\n" * found.group().count("\n") or " ", text)


def arguments(text, at):
    """The arguments of the call whose parenthesis is open before `at`, and where it closes; None without an end."""
    depth, begin, found = 0, at, []
    for i in range(at, len(text)):
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            if depth == 0:
                return found + [text[begin:i]], i
            depth -= 1
        elif text[i] == "," and depth == 0:
            found.append(text[begin:i])
            begin = i + 1
        elif text[i] == ";" and depth == 0:
            return None, i
    return None, len(text)


def calls(text):
    for call in CALL.finditer(text):
        if call.group(1) not in NO_CALLS:
            found, _ = arguments(text, call.end())
            if found is not None:
                yield call, [one.strip() for one in found]


def reference_takers(texts):
    """{name: places of the parameters that are references and not const}"""
    takers = {}
    for text in texts:
        for call, parameters in calls(text):
            for i, parameter in enumerate(parameters):
                if re.fullmatch(r"(?!const\b)[\w:<>, ]+[\w>]\s*&\s*\w+", parameter) and "return" not in parameter:
                    takers.setdefault(call.group(1), set()).add(i)
    return takers


def changed(argument, takers):
    """Variables that the evaluation of the argument changes."""
    names = {a or b for a, b in ASSIGNED.findall(argument)} if not argument.startswith("[") else set()
    for call, inner in calls(argument):
        for i, one in enumerate(inner):
            if re.fullmatch(r"&\s*[A-Za-z_]\w*", one):
                names.add(one.lstrip("& "))
            elif re.fullmatch(r"[A-Za-z_]\w*", one) and i in takers.get(call.group(1), ()):
                names.add(one)
    return names


def reads(argument, name):
    return not re.fullmatch(r"&\s*" + name, argument) and re.search(r"(?<![\w.>])" + name + r"\b", argument)


def findings(text, takers):
    for call, found in calls(text):
        if len(found) < 2 or any("\n\n" in one for one in found):
            continue
        for i, argument in enumerate(found):
            for name in changed(argument, takers):
                if any(reads(other, name) for j, other in enumerate(found) if j != i):
                    yield text.count("\n", 0, call.start()) + 1, call.group(1), name


def main():
    takers = reference_takers([DECLARED])
    wrong = [f"the check itself misses {sample}" for sample in BAD if not list(findings(sample, takers))]
    wrong += [f"the check itself finds {sample}" for sample in GOOD if list(findings(sample, takers))]
    paths = sorted(path for folder in ("core", "pgglue") for path in pathlib.Path(sys.argv[1], folder).rglob("*pp"))
    texts = {path: plain(path.read_text(encoding="utf-8")) for path in paths}
    takers = reference_takers(texts.values())
    for path, text in texts.items():
        wrong += [f"{path}:{line}: an argument of {call}() changes {name}, which another one reads"
                  for line, call, name in findings(text, takers)]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
