"""The controller as a process: adapters put together, endpoints served, ended gracefully."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import uvloop
from aiohttp import web

from tiphys.cluster.announcements import EventQueue
from tiphys.cluster.api import Api
from tiphys.cluster.architectures import architectures_of
from tiphys.cluster.connection import Access, find_access
from tiphys.cluster.exec import PodExec
from tiphys.cluster.logs import PodLogs
from tiphys.cluster.offloaded import offloaded_versions
from tiphys.cluster.repositories import ConfigMapRepositories
from tiphys.cluster.secret_values import secret_reader
from tiphys.cluster.task_sets import watch_task_sets
from tiphys.controller.backoff import Backoff
from tiphys.controller.clock import SystemClock, local_zone
from tiphys.controller.collector import calm_collector
from tiphys.controller.configured import Configured
from tiphys.controller.controller import Controller, Surroundings
from tiphys.controller.crons import Crons, CronSurroundings, children_of
from tiphys.controller.exposing import MetricsEndpoint
from tiphys.controller.feeds import Feeds, run_feeds
from tiphys.controller.following import Following
from tiphys.controller.forgetting import forget_memos
from tiphys.controller.handlers import KopfThread, hear_crons, hear_workflows
from tiphys.controller.options import Options
from tiphys.controller.persisting import Persisting
from tiphys.controller.pushing import metrics_pushed
from tiphys.controller.recording import Recorder
from tiphys.controller.restarting import Restart, check_databases
from tiphys.controller.sharding import Replica
from tiphys.controller.sharing import SharedLocks
from tiphys.errors import OutsideError
from tiphys.pods.settings import PodSettings
from tiphys.ports import Clock
from tiphys.settings.environment import progress_milliseconds
from tiphys.telemetry import endpoints
from tiphys.telemetry.archive import ArchiveMetrics
from tiphys.telemetry.crons import QUEUE, CronMetrics
from tiphys.telemetry.logs import count_logs, set_up_logs
from tiphys.telemetry.metrics import ControllerMetrics
from tiphys.telemetry.tracing import open_spans

log = logging.getLogger(__name__)


def run_controller(options: Options) -> int:
    """Follow workflows until a signal says to end; the exit code."""
    set_up_logs(options.log_level, options.log_format)
    calm_collector()
    if uvloop.run(_main(options)):
        # the same process with nothing of its former life
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 as it was started itself
    return 0


async def _main(options: Options) -> bool:
    """A controller's life; whether another one is to follow."""
    stop = _asked_to_stop()
    metrics = ControllerMetrics()
    count_logs(metrics.logged)
    access = find_access(options.kubeconfig, options.choice)
    async with Api(access, observe=metrics.observe_request) as api, _serving(options):
        api.waited = lambda seconds: metrics.histogram("client_rate_limiter_latency").observe(seconds)
        clock = SystemClock()
        announcements = EventQueue(api, clock)
        secrets = secret_reader(api, access.namespace)
        check = partial(check_databases, secrets=secrets)
        configured = await _read(Configured(options.config_map, access.namespace, announcements, metrics, check), api)
        restart = Restart(options, configured.argo, stop)
        configured.subscribe(restart.configure)
        instance, namespace = _scope(options, configured)
        settings = await _pod_settings(options, instance, api)
        repositories = ConfigMapRepositories(api, access.namespace, lambda: configured.argo.artifact_repository)
        persisting = Persisting(
            api, clock, ArchiveMetrics(metrics.registry), options.environment, configured.argo.persistence,
            secrets, instance_id=instance, announcements=announcements,
            folder=Path(options.state) / "deleted" if options.state else None,
        )  # fmt: skip
        shared = SharedLocks(configured.argo.synchronization, secrets, instance_id=instance)
        world = Surroundings(
            api, PodLogs(api), announcements, clock, metrics, settings, repositories=repositories,
            environment=options.environment, keeping=persisting.keeping, home=access.namespace, namespace=namespace,
            locks=shared.locks, exec=PodExec(api), spans=open_spans() if settings.is_traced else None,
            recorder=Recorder(Path(options.record)) if options.record else None,
            task_sets=partial(watch_task_sets, api, namespace),
        )  # fmt: skip
        controller = Controller(world)
        configured.subscribe(controller.configure)
        endpoint = MetricsEndpoint(metrics, options.metrics_port, options.environment.tls_min_version)
        configured.subscribe(endpoint.configure)
        feeds = Feeds(api, controller, configured, namespace)
        crons = _crons(api, clock, instance, metrics)
        group = f"{instance or 'all'}.{namespace or 'all'}"
        replica = _replica(options, api, clock, access.namespace, group) if options.shares else None
        following = Following(api, controller, announcements, _kopf(controller, crons, replica, access, namespace), namespace)
        if replica is not None:
            following.join(replica)
        for work in (
            endpoint.run, shared.run, lambda: run_feeds(feeds),
            lambda: persisting.run(lambda: offloaded_versions(api, namespace)),
            lambda: forget_memos(api, clock, access.namespace, options.environment),
            lambda: crons.run(children_of(api, crons, namespace, instance)),
        ):  # fmt: skip
            following.beside(work)
        if endpoints.is_wanted("metrics", os.environ):
            following.beside(metrics_pushed(metrics, clock, os.environ))
        following.first(feeds.settled)
        log.info("following workflows of %s", namespace or "all namespaces")
        await _work(following, crons, stop)
        if world.spans is not None:
            await asyncio.to_thread(world.spans.close)
    return restart.is_wanted


async def _pod_settings(options: Options, instance: str, api: Api) -> PodSettings:
    return PodSettings(
        executor_image=options.executor_image, image_pull_policy=options.executor_image_pull_policy,
        instance_id=instance, architectures=await architectures_of(api),
        keeps_status=options.environment.argo_pod_status_capture_finalizer,
        host_label=options.environment.retry_host_name_label_key,
        progress_milliseconds=progress_milliseconds(options.environment),
        is_traced=endpoints.is_wanted("traces", os.environ),
    )  # fmt: skip


def _crons(api: Api, clock: Clock, instance: str, metrics: ControllerMetrics) -> Crons:
    told = CronMetrics(metrics)
    crons = Crons(CronSurroundings(api, clock, instance, local_zone(), told.fired, decided=told.decided, retried=told.retried))
    metrics.depths[QUEUE] = lambda: crons.busy_count
    return crons


def _replica(options: Options, api: Api, clock: Clock, home: str, group: str) -> Replica:
    said = options.environment
    duration, interval = said.leader_election_lease_duration, said.leader_election_retry_period
    return Replica(api, clock, home, group, duration=duration.total_seconds(), interval=interval.total_seconds())


async def _work(following: Following, crons: Crons, stop: asyncio.Event) -> None:
    following.start()
    await following.until(stop)
    await following.stop()
    await crons.stop()


def _asked_to_stop() -> asyncio.Event:
    """Set when a signal asks for the end."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _kopf(controller: Controller, crons: Crons, replica: Replica | None, access: Access, namespace: str) -> list[KopfThread]:
    """What hears of workflows and schedules, of all or of this replica's."""
    workflows, schedules = hear_workflows(controller), hear_crons(crons)
    if replica is not None:
        workflows = replica.share("Workflow", namespace, workflows, controller.released, witness=controller.witnessed)
        schedules = replica.share("CronWorkflow", namespace, schedules, crons.cron_deleted)
    return [
        KopfThread("workflows", workflows, access, namespace),
        KopfThread("cronworkflows", schedules, access, namespace),
    ]


def _scope(options: Options, configured: Configured) -> tuple[str, str]:
    """Instance id and namespace: the command line's, else the configuration's; both are read at the start only."""
    return options.instance_id or configured.argo.instance_id, options.namespace or configured.argo.namespace


async def _read(configured: Configured, api: Api) -> Configured:
    """The configuration, however long the API server is away."""
    backoff = Backoff()
    while True:
        try:
            await configured.read(api)
        except OutsideError as e:
            log.warning("the configuration cannot be read yet: %s", e.message)
            await backoff.wait(e)
        else:
            return configured


@contextlib.asynccontextmanager
async def _serving(options: Options) -> AsyncIterator[None]:
    async def show_health(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    runner = await _listen(options.health_port, "/healthz", show_health) if options.health_port else None
    try:
        yield
    finally:
        if runner is not None:
            await runner.cleanup()


async def _listen(port: int, path: str, answer: Callable[[web.Request], Awaitable[web.Response]]) -> web.AppRunner:
    app = web.Application()
    app.router.add_get(path, answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, None, port).start()
    return runner
