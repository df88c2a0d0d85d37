"""A verdict on a mutant is that of tests that concern it and pass without it."""

import subprocess

import pytest

import mutate

TIMES = {
    "tests/test_a.py::test_x[gelu-float32]": 0.1,
    "tests/test_a.py::test_x[relu-float32]": 0.1,
    "tests/test_a.py::test_of_all": 3.0,
    "tests/test_b.py::test_y": 0.2,
    "tests/test_study.py::test_z": 0.1,
    "tests/test_parallel.py::test_ranks": 9.0,
}
A_GELU, A_RELU, A_ALL, B, STUDY, RANKS = TIMES


class Coverage:
    """Lines and the tests that went through them."""

    def __init__(self, lines):
        self.lines = lines

    def contexts_by_lineno(self, path):
        name = path.partition("/src/ogive/")[2]
        return self.lines.get(name, {})


def recorded(lines=None, moved=()):
    found = object.__new__(mutate.Lines)
    found.data, found.times, found.of_file = Coverage(lines or {}), dict(TIMES), {}
    found.words, found.moved = mutate.words_of(TIMES), set(moved)
    found.digests = {mutate.file_of(test): "same" for test in TIMES}
    return found


def mutant(file, line):
    return mutate.Mutant(f"src/ogive/{file}", line, line, "core/AddNot", 0)


def test_tests_of_a_line_come_first_and_those_of_its_file_after_them():
    through = {"_rows.py": {3: [f"{A_ALL}|run"], 4: [f"{B}|run"]}}
    assert recorded(through).concerning(mutant("_rows.py", 3), 1.0) == [A_ALL]
    assert recorded(through).concerning(mutant("_rows.py", 3), 9.0) == [A_ALL, B]
    moved = recorded(through, ["src/ogive/_rows.py"])
    assert moved.concerning(mutant("_rows.py", 3), 9.0) == [A_ALL, B]


def test_tests_that_share_what_a_fixture_made_are_those_of_its_lines():
    lines = recorded({"_rows.py": {3: [f"{A_ALL}|setup"]}})
    assert set(lines.concerning(mutant("_rows.py", 3), 9.0)) == {A_GELU, A_RELU, A_ALL}


def test_a_card_s_tests_name_it_and_other_processes_have_tests_of_the_name():
    lines = recorded({"catalog/unary/gelu.py": {3: [""]}})
    assert lines.concerning(mutant("catalog/unary/gelu.py", 3), 9.0) == [A_GELU]
    assert recorded().concerning(mutant("torch/_parallel.py", 3), 9.0) == [RANKS]


def test_tests_of_a_kernel_name_its_function_or_none():
    lines = recorded({"study/grid.py": {1: [f"{STUDY}|run"]}})
    assert lines.of_kernels({"gelu"}) == [A_GELU, A_ALL, B, RANKS]


def test_tests_are_chosen_from_every_file_the_quick_ones_first():
    lines = recorded()
    chosen = lines.chosen(list(TIMES), 0.5)
    assert {B, STUDY} <= set(chosen)
    assert len({A_GELU, A_RELU} & set(chosen)) == 1
    assert not {A_ALL, RANKS} & set(chosen)
    assert lines.chosen([RANKS], 1) == [RANKS]  # one at least


class Runs:
    """A copy in which given tests fail, with a slip or without."""

    def __init__(self, with_slip, without=(), ends=None):
        self.fail = {True: set(with_slip), False: set(without)}
        self.planted, self.ends, self.last = False, ends, None

    def run(self, tests, seconds):
        if self.ends and self.planted:
            self.last = None
            return self.ends
        self.last = next((test for test in tests if test in self.fail[self.planted]), None)
        return "killed" if self.last else "survived"

    def failed(self):
        return self.last

    def failures(self):
        return [self.last] if self.last else []


def verdict(copy, tests):
    trial = object.__new__(mutate.Trial)
    trial.copy, trial.lines = copy, recorded()

    def put(planted):
        copy.planted = planted

    return trial.met(tests, lambda: put(True), lambda: put(False))


def test_a_kill_is_a_failure_that_the_slip_explains():
    assert verdict(Runs({B}), [A_ALL, B]) == f"killed: {B}"
    assert verdict(Runs({A_ALL, B}, {A_ALL}), [A_ALL, B]) == f"killed: {B}"
    assert verdict(Runs({A_ALL}, {A_ALL}), [A_ALL, B]) == "survived"
    assert verdict(Runs({}), [A_ALL, B]) == "survived"
    assert verdict(Runs({}), []) == "no tests"
    assert verdict(Runs({}, ends="killed: did not end"), [B]) == "killed: did not end"
    assert verdict(Runs({}, {B}, ends="killed: 4"), [B]) == "survived"


def test_a_verdict_is_found_anew_when_its_test_has_changed():
    lines = recorded()
    kill = {"verdict": f"killed: {B}", "by": "same"}
    assert mutate.holds(kill, lines, False)
    assert not mutate.holds({**kill, "by": "other"}, lines, False)
    assert not mutate.holds({**kill, "verdict": "killed: tests/test_b.py::gone"}, lines, False)
    assert mutate.holds({"verdict": "survived", "by": None}, lines, False)
    assert not mutate.holds({"verdict": "survived", "by": None}, lines, True)


@pytest.mark.parametrize(("killed", "share"), [(17, "85%"), (16, "80%"), (0, "0%"), (20, "100%")])
def test_the_table_never_rounds_up(killed, share):
    found = [{"folder": "torch", "verdict": "killed: x"}] * killed
    found += [{"folder": "torch", "verdict": "survived"}] * (20 - killed)
    found += [{"folder": "torch", "verdict": "equal: does not compile"}] * 5
    assert f"| torch | 20 | {killed} ({share}) | {20 - killed} | 0 |" in mutate.table(found)


def test_half_a_line_of_a_stopped_run_is_passed_over(tmp_path, monkeypatch):
    kept = tmp_path / "verdicts.jsonl"
    kept.write_text('\n{"key": "a", "verdict": "survived"}\n{"key": "b", "ver')
    monkeypatch.setattr(mutate, "VERDICTS", kept)
    assert list(mutate.known()) == ["a"]


def test_changed_lines_are_those_of_the_difference_and_all_of_new_files(tmp_path, monkeypatch):
    def git(*arguments):
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments],
            cwd=tmp_path, check=True, capture_output=True,
        )  # fmt: skip

    source = tmp_path / "src" / "ogive"
    source.mkdir(parents=True)
    (source / "a.py").write_text("1\n2\n3\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    (source / "a.py").write_text("1\ntwo\n3\n")
    (source / "b.hpp").write_text("1\n2\n")
    monkeypatch.setattr(mutate, "ROOT", tmp_path)
    found = mutate.changed_lines("HEAD")
    assert found["src/ogive/a.py"] == {2}
    assert {1, 2} <= found["src/ogive/b.hpp"]
