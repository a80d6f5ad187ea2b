/**
 * The Python file that the pytest adapter leaves beside a run: launcher and reporter in one.
 *
 * It starts pytest the way `python -m pytest` does and records every report as one JSON line at once, so
 * that a crash keeps what was done. JUnit XML would lose node ids, equal titles and everything before a
 * crash. Nothing of it is seen by the tests: no argument, no entry on sys.path, no environment variable
 * (the one that makes pytest load it is gone before the first conftest), and xdist's workers do not load
 * it: the controller receives all their reports.
 *
 * A passed case without output is one line instead of three, and the file stays open: of a case that takes
 * 0.3 ms, four lines with an open and a close each were a fifth.
 *
 * To list the files of a suite it lets pytest collect down to the files and no further: hooks, configuration
 * and custom collectors decide as in a run, and no test module is imported. That would cost as much as half
 * the run of a suite of short tests, and would ask for its dependencies on the machine that only submits.
 */

export const PYTEST_PLUGIN_FILE = "testyard_pytest.py";
export const PYTEST_REPORT_FILE = "pytest.jsonl";

export const PYTEST_PLUGIN = `"""Records what pytest reports, one JSON line each. PYTEST_DONT_REWRITE"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
REPORT = os.path.join(HERE, "${PYTEST_REPORT_FILE}")
LIMIT = 16 * 1024
LISTING = False
_state = {"pid": None, "cwd": None, "root": None, "fd": None, "inode": None}
_paths = {}
_passed = {}


def _cut(text):
    text = str(text)
    return text if len(text) <= LIMIT else text[:LIMIT] + "\\n... cut: %d characters in all" % len(text)


def _write(record):
    if _state["pid"] != os.getpid():
        return
    os.write(_report(), (json.dumps(record) + "\\n").encode("ascii"))


def _report():
    """A test may close all files there are, and open its own under the same number."""
    try:
        stat = os.fstat(_state["fd"])
        if (stat.st_dev, stat.st_ino) == _state["inode"]:
            return _state["fd"]
    except (OSError, TypeError):
        pass
    fd = os.open(REPORT, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    stat = os.fstat(fd)
    _state.update(fd=fd, inode=(stat.st_dev, stat.st_ino))
    return fd


def _place(path):
    try:
        path = os.path.relpath(os.path.join(_state["root"], path), _state["cwd"])
    except ValueError:
        pass
    return path.replace(os.sep, "/")


def _names(nodeid):
    path, _, name = nodeid.partition("::")
    if path not in _paths:
        _paths[path] = _place(path)
    return _paths[path], name


def _crash_message(report):
    crash = getattr(getattr(report, "longrepr", None), "reprcrash", None)
    if crash is not None:
        return _cut(crash.message)
    if isinstance(report.longrepr, tuple) and len(report.longrepr) == 3:
        return _cut(report.longrepr[2])
    return ""


def _base(kind, report):
    path, name = _names(report.nodeid)
    record = {"kind": kind, "file": path, "name": name, "outcome": report.outcome}
    if report.outcome != "passed":
        record["message"] = _crash_message(report)
        record["detail"] = _cut(getattr(report, "longreprtext", None) or report.longrepr or "")
    return record


def _subtest(report):
    context = getattr(report, "context", None)
    if context is None or not hasattr(context, "kwargs"):
        return None
    parts = ["[%s]" % context.msg] if context.msg is not None else []
    if context.kwargs:
        parts.append("(%s)" % ", ".join("%s=%s" % (k, context.kwargs[k]) for k in context.kwargs))
    return _cut(" ".join(parts) or "(<subtest>)")


def pytest_configure(config):
    if hasattr(config, "workerinput"):
        return
    root = getattr(config, "rootpath", None) or config.rootdir
    _state.update(pid=os.getpid(), cwd=os.getcwd(), root=str(root))
    import pytest

    python = sys.version.split()[0]
    _write({"kind": "start", "pytest": pytest.__version__, "python": python, "root": str(root)})


def pytest_collectreport(report):
    if report.outcome != "passed":
        _write(_base("collect", report))


def pytest_collection_finish(session):
    _write({"kind": "items", "items": [list(_names(item.nodeid)) for item in session.items]})


def pytest_runtest_logstart(nodeid, location):
    path, name = _names(nodeid)
    _write({"kind": "begin", "file": path, "name": name})


def _is_plain(report):
    return (
        report.outcome == "passed"
        and not report.sections
        and not hasattr(report, "wasxfail")
        and not hasattr(report, "context")
    )


def _flush(nodeid):
    """The phases held back, as they were: something came that is not plain."""
    for when, seconds in _passed.pop(nodeid, ()):
        path, name = _names(nodeid)
        record = {"kind": "report", "file": path, "name": name, "outcome": "passed"}
        _write(dict(record, when=when, duration_s=seconds))


def _hold(report):
    """A passed phase waits for the end of its case, which says it all in one line when all passed."""
    held = _passed.setdefault(report.nodeid, [])
    held.append((str(report.when), getattr(report, "duration", 0) or 0))
    if report.when != "teardown":
        return
    if [when for when, _ in held] != ["setup", "call", "teardown"]:
        return _flush(report.nodeid)
    del _passed[report.nodeid]
    path, name = _names(report.nodeid)
    _write({"kind": "passed", "file": path, "name": name, "duration_s": sum(s for _, s in held)})


def pytest_runtest_logreport(report):
    if _is_plain(report):
        return _hold(report)
    _flush(report.nodeid)
    record = _base("report", report)
    record["when"] = str(report.when)
    record["duration_s"] = getattr(report, "duration", 0) or 0
    if hasattr(report, "wasxfail"):
        record["wasxfail"] = _cut(report.wasxfail)
    subtest = _subtest(report)
    if subtest is not None:
        record["subtest"] = subtest
    if report.outcome != "passed" or report.when == "teardown":
        record["sections"] = [[_cut(title), _cut(content)] for title, content in report.sections]
    _write(record)


def pytest_internalerror(excrepr):
    _write({"kind": "internal", "detail": _cut(excrepr)})


def pytest_sessionfinish(session, exitstatus):
    for nodeid in list(_passed):
        _flush(nodeid)
    _write({"kind": "finish", "status": int(exitstatus)})


def _list_file(collector):
    import pytest
    from _pytest.reports import CollectReport

    if not isinstance(collector, pytest.File) or isinstance(collector, pytest.Package):
        return None
    _write({"kind": "file", "file": _names(collector.nodeid)[0]})
    return CollectReport(collector.nodeid, "passed", None, [])


def launch():
    import runpy

    # What \`-m\` puts there: the folder the suite is run from, not the folder of this file.
    if sys.path and os.path.abspath(sys.path[0]) == HERE:
        sys.path[0] = os.getcwd()
    name = os.path.splitext(os.path.basename(__file__))[0]
    sys.modules[name] = sys.modules["__main__"]
    before = os.environ.get("PYTEST_PLUGINS")

    import pytest

    # Runs ahead of every conftest, so that neither they nor xdist's workers ever see the variable.
    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(early_config, parser, args):
        if before is None:
            os.environ.pop("PYTEST_PLUGINS", None)
        else:
            os.environ["PYTEST_PLUGINS"] = before

    globals()["pytest_load_initial_conftests"] = pytest_load_initial_conftests
    if LISTING:
        globals()["pytest_make_collect_report"] = pytest.hookimpl(tryfirst=True)(_list_file)
    os.environ["PYTEST_PLUGINS"] = ",".join([before, name] if before else [name])
    runpy.run_module("pytest", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    launch()
`;

/** The same as a lister of files. */
export const PYTEST_LISTER = PYTEST_PLUGIN.replace("LISTING = False", "LISTING = True");
