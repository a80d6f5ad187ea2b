/**
 * The Python file that the pytest adapter leaves beside a run: launcher and reporter in one.
 *
 * It starts pytest the way `python -m pytest` does and records every report as one JSON line at once, so
 * that a crash keeps what was done. JUnit XML would lose node ids, equal titles and everything before a
 * crash. Nothing of it is seen by the tests: no argument, no entry on sys.path, no environment variable
 * (the one that makes pytest load it is gone before the first conftest), and xdist's workers do not load
 * it: the controller receives all their reports.
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
_state = {"pid": None, "cwd": None, "root": None}


def _cut(text):
    text = str(text)
    return text if len(text) <= LIMIT else text[:LIMIT] + "\\n... cut: %d characters in all" % len(text)


def _write(record):
    if _state["pid"] != os.getpid():
        return
    line = (json.dumps(record) + "\\n").encode("ascii")
    fd = os.open(REPORT, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(fd, line)
    finally:
        os.close(fd)


def _names(nodeid):
    path, _, name = nodeid.partition("::")
    try:
        path = os.path.relpath(os.path.join(_state["root"], path), _state["cwd"])
    except ValueError:
        pass
    return path.replace(os.sep, "/"), name


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


def pytest_runtest_logreport(report):
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
    _write({"kind": "finish", "status": int(exitstatus)})


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
    os.environ["PYTEST_PLUGINS"] = ",".join([before, name] if before else [name])
    runpy.run_module("pytest", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    launch()
`;
