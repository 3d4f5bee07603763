"""All commands by name, and what becomes of their errors."""

import io
import os
import sys

from cyclopts import App

from tiphys import __version__
from tiphys.errors import TiphysError

app = App(name="tiphys", help="Runs Argo Workflows.", version=__version__)
_COMMANDS = {
    "submit": ("submit:submit", "Submit workflows from files, or from a stored template or schedule."),
    "run": ("run:run", "Run a workflow on this machine."),
    "test": ("trials:play_all", "Play the test cases beside workflows."),
    "plan": ("plan:plan", "Show what a workflow will run, and what it needs."),
    "replay": ("replay:replay", "Go through recorded histories again."),
    "lint": ("lint:lint", "Check manifests."),
    "convert": ("convert:convert", "Print manifests with removed fields rewritten."),
    "get": ("show:get", "Show workflows."),
    "list": ("listing:list_", "List workflows."),
    "watch": ("show:watch", "Follow a workflow on the screen."),
    "explain": ("explain:explain", "Say why a workflow waits or has failed."),
    "wait": ("show:wait", "Wait until workflows are finished."),
    "logs": ("logs:logs", "Show logs."),
    "cp": ("copy:copy", "Copy output artifacts."),
    "delete": ("change:delete", "Delete workflows."),
    "stop": ("change:stop", "Stop workflows; exit handlers run."),
    "terminate": ("change:terminate", "End workflows at once; exit handlers do not run."),
    "suspend": ("change:suspend", "Start nothing new in workflows."),
    "resume": ("change:resume", "Let suspended workflows go on."),
    "retry": ("rerun:retry", "Run failed workflows again where they failed."),
    "resubmit": ("rerun:resubmit", "Submit workflows again, as new ones."),
    "controller": ("controller:controller", "Follow the workflows of a cluster."),
    "server": ("server:server", "Serve the REST API and the web page."),
    "version": ("version:version", "Show the version."),
    "completion": ("completion:completion", "Print the completion script of a shell."),
}
_STORED = {
    "create": ("create", "Create from files."),
    "update": ("update", "Make what is stored what files say."),
    "apply": ("apply", "Create from files, or update."),
    "get": ("get", "Show."),
    "list": ("list_", "List."),
    "lint": ("lint", "Check files."),
    "delete": ("delete", "Delete."),
}
_SCHEDULES = {
    **_STORED,
    "suspend": ("suspend", "Let schedules start nothing."),
    "resume": ("resume", "Let schedules go on."),
    "backfill": ("backfill", "Run a schedule for times that are past."),
}
_GROUPS = (
    ("node", "change", "Change nodes by hand.", {"set": ("set_node", "Set phase, message or outputs of suspend nodes.")}),
    ("auth", "auth", "Who you are.", {"token": ("token", "Print the token of the kubeconfig.")}),
    ("archive", "archive", "Finished workflows in the database.", {
        "list": ("list_", "List archived workflows."),
        "get": ("get", "Show archived workflows."),
        "delete": ("delete", "Forget archived workflows."),
        "retry": ("retry", "Bring them back and run them again where they failed."),
        "resubmit": ("resubmit", "Submit them again, as new ones."),
        "list-label-keys": ("list_label_keys", "List the keys of their labels."),
        "list-label-values": ("list_label_values", "List the values of a label."),
    }),
    ("db", "db", "The database's schema.", {
        "migrate": ("migrate", "Bring it to this version."),
        "status": ("status", "Show where it is."),
        "convert": ("convert", "Make lists fast for what Argo archived."),
    }),
    ("config", "config", "The controller's configuration.", {"check": ("check", "Check files before they are applied.")}),
    ("template", "template", "Stored WorkflowTemplates.", _STORED),
    ("cluster-template", "cluster_template", "Stored ClusterWorkflowTemplates.", _STORED),
    ("cron", "cron", "Schedules: CronWorkflows.", _SCHEDULES),
    ("executor-plugin", "executor_plugin", "Programs that do templates of their own.", {
        "build": ("build", "Write the ConfigMap of a plugin."),
    }),
    ("sync", "sync", "Limits of semaphores.", {
        "create": ("create", "Set a limit that is not there."),
        "get": ("get", "Show a limit."),
        "update": ("update", "Change a limit that is there."),
        "delete": ("delete", "Forget a limit."),
    }),
    ("executor", "executor", "Programs that run in pods.", {
        "resource": ("resource", "Act on an object and wait for its conditions."),
        "shim": ("shim", "Put the shim of this machine somewhere."),
        "load": ("load", "Bring the input artifacts of a pod."),
        "save": ("save", "Store what the commands of a pod left."),
        "delete": ("delete", "Delete artifacts."),
        "data": ("data", "List artifacts and transform the list."),
        "agent": ("agent", "Do the tasks of a workflow's task set."),
        "agent-tokens": ("agent_tokens", "Write secrets for plugins to share with the agent."),
    }),
)  # fmt: skip


def _fill() -> None:
    """Name all commands; none of their modules is imported before it is asked for."""
    for name, (path, says) in _COMMANDS.items():
        app.command(f"tiphys.cli.{path}", name=name, help=says)
    for name, module, says, verbs in _GROUPS:
        group = App(name=name, help=says)
        for verb, (function, what) in verbs.items():
            group.command(f"tiphys.cli.{module}:{function}", name=verb, help=what)
        app.command(group)


_fill()


def run(arguments: list[str]) -> int:
    """The exit code of a command line; errors are told in one line, and what to do in another."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # who reads from a pipe follows, too
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
