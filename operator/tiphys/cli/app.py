"""All commands by name, and what becomes of their errors."""

import os
import sys

from cyclopts import App

from tiphys import __version__
from tiphys.errors import TiphysError

app = App(name="tiphys", help="Runs Argo Workflows.", version=__version__)
_COMMANDS = {
    "submit": "tiphys.cli.submit:submit",
    "run": "tiphys.cli.run:run",
    "test": "tiphys.cli.trials:play_all",
    "plan": "tiphys.cli.plan:plan",
    "replay": "tiphys.cli.replay:replay",
    "lint": "tiphys.cli.lint:lint",
    "convert": "tiphys.cli.convert:convert",
    "get": "tiphys.cli.show:get",
    "list": "tiphys.cli.listing:list_",
    "watch": "tiphys.cli.show:watch",
    "explain": "tiphys.cli.explain:explain",
    "wait": "tiphys.cli.show:wait",
    "logs": "tiphys.cli.logs:logs",
    "cp": "tiphys.cli.copy:copy",
    "delete": "tiphys.cli.change:delete",
    "stop": "tiphys.cli.change:stop",
    "terminate": "tiphys.cli.change:terminate",
    "suspend": "tiphys.cli.change:suspend",
    "resume": "tiphys.cli.change:resume",
    "retry": "tiphys.cli.rerun:retry",
    "resubmit": "tiphys.cli.rerun:resubmit",
    "controller": "tiphys.cli.controller:controller",
    "server": "tiphys.cli.server:server",
    "version": "tiphys.cli.version:version",
    "completion": "tiphys.cli.completion:completion",
}
for _name, _path in _COMMANDS.items():
    app.command(_path, name=_name)
_node = App(name="node", help="Change nodes by hand.")
_node.command("tiphys.cli.change:set_node", name="set")
app.command(_node)
_auth = App(name="auth", help="Who you are.")
_auth.command("tiphys.cli.auth:token", name="token")
app.command(_auth)
_archive = App(name="archive", help="Finished workflows in the database.")
for _name in ("get", "delete", "retry", "resubmit", "list-label-keys", "list-label-values"):
    _archive.command(f"tiphys.cli.archive:{_name.replace('-', '_')}", name=_name)
_archive.command("tiphys.cli.archive:list_", name="list")
app.command(_archive)
_db = App(name="db", help="The database's schema.")
for _name in ("migrate", "status", "convert"):
    _db.command(f"tiphys.cli.db:{_name}", name=_name)
app.command(_db)
_config = App(name="config", help="The controller's configuration.")
_config.command("tiphys.cli.config:check", name="check")
app.command(_config)
_STORED = ("create", "update", "apply", "get", "list", "lint", "delete")
for _name, _module, _help, _verbs in (
    ("template", "template", "Stored WorkflowTemplates.", _STORED),
    ("cluster-template", "cluster_template", "Stored ClusterWorkflowTemplates.", _STORED),
    ("cron", "cron", "Schedules: CronWorkflows.", (*_STORED, "suspend", "resume", "backfill")),
):
    _stored = App(name=_name, help=_help)
    for _verb in _verbs:
        _stored.command(f"tiphys.cli.{_module}:{'list_' if _verb == 'list' else _verb}", name=_verb)
    app.command(_stored)
_executor = App(name="executor", help="Programs that run in pods.")
_executor.command("tiphys.cli.executor:resource", name="resource")
_executor.command("tiphys.cli.executor:shim", name="shim")
_executor.command("tiphys.cli.executor:load", name="load")
_executor.command("tiphys.cli.executor:save", name="save")
_executor.command("tiphys.cli.executor:delete", name="delete")
_executor.command("tiphys.cli.executor:data", name="data")
_executor.command("tiphys.cli.executor:agent", name="agent")
_executor.command("tiphys.cli.executor:agent_tokens", name="agent-tokens")
app.command(_executor)


def run(arguments: list[str]) -> int:
    """The exit code of a command line; errors are told in one line, and what to do in another."""
    if os.environ.get("ARGO_SERVER"):
        print("tiphys: ARGO_SERVER has no effect: commands talk to Kubernetes directly", file=sys.stderr)
    try:
        answer = app(arguments, exit_on_error=True, result_action="return_value")
    except TiphysError as e:
        print(f"tiphys: {e.message}", file=sys.stderr)
        if e.hint:
            print(f"  {e.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return answer if isinstance(answer, int) else 0
