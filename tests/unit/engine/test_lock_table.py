"""The table of locks: a model check over asks, grants, writes, ends, crashes, deletions and limits that change, and the order of the line."""

from datetime import timedelta

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tiphys.engine.lock_table import LockRequest, LockTable
from tiphys.engine.locks import SEMAPHORE, Lock
from tiphys.testing.world import START

KEYS = ("ns/Mutex/a", "ns/Mutex/b", "ns/ConfigMap/c/s")
LOCKS = {key: Lock(key) if "Mutex" in key else Lock(key, SEMAPHORE, config_map="c", config_key="s") for key in KEYS}


class Locking(RuleBasedStateMachine):
    """Workflows whose nodes want locks; what is stored lags behind what is decided, and a crash forgets all but what is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.table = LockTable()
        self.limit = 2
        self.table.limit(KEYS[2], self.limit)
        self.requests: dict[str, LockRequest] = {}
        self.granted: set[str] = set()
        self.working: set[str] = set()
        self.done: set[str] = set()
        self.stored: dict[str, set[str]] = {}
        self.number = 0

    def _grant(self) -> None:
        for request in self.table.grant():
            assert request.holder not in self.working
            self.granted.add(request.holder)
            for lock in request.locks:
                limit = self.limit if lock.kind == SEMAPHORE else 1
                assert len(self.table.holders(lock.key)) <= max(limit, 1)

    @rule(workflow=strategies.integers(0, 4), wanted=strategies.sets(strategies.sampled_from(KEYS), min_size=1))
    def ask(self, workflow: int, wanted: set[str]) -> None:
        self.number += 1
        uid, holder = f"w{workflow}", f"ns/w{workflow}/{self.number}"
        self.requests[holder] = LockRequest(holder=holder, uid=uid, workflow=f"ns/{uid}", locks=tuple(LOCKS[k] for k in sorted(wanted)),
                                            priority=workflow % 2, created=START + timedelta(minutes=workflow))  # fmt: skip
        self.table.ask(self.requests[holder])
        self._grant()

    @rule(data=strategies.data())
    @precondition(lambda self: self.requests)
    def store(self, data: strategies.DataObject) -> None:
        """The status of a workflow is written: grants that it records take effect, ends give back."""
        uid = data.draw(strategies.sampled_from(sorted({request.uid for request in self.requests.values()})))
        self._store(uid)

    def _store(self, uid: str) -> None:
        mine = {holder for holder, request in self.requests.items() if request.uid == uid}
        self.stored[uid] = (self.granted | self.working) & mine
        pairs = [(lock.key, holder) for holder in self.stored[uid] for lock in self.requests[holder].locks]
        for request in self.table.stored(uid, pairs):
            assert request.holder in self.granted
        self.working |= self.granted & mine
        self.granted -= mine
        for holder in mine & self.done:
            del self.requests[holder]
        self._grant()

    @rule(data=strategies.data())
    @precondition(lambda self: self.working)
    def end(self, data: strategies.DataObject) -> None:
        """A node ends; the lock is free once that is stored."""
        holder = data.draw(strategies.sampled_from(sorted(self.working)))
        self.working.discard(holder)
        self.done.add(holder)

    @rule(data=strategies.data())
    @precondition(lambda self: self.requests)
    def withdraw(self, data: strategies.DataObject) -> None:
        """A node that waits is stopped."""
        idle = sorted(set(self.requests) - self.working - self.done)
        if idle:
            holder = data.draw(strategies.sampled_from(idle))
            self.granted.discard(holder)
            del self.requests[holder]
            self.table.withdraw(holder)
            self._grant()

    @rule(data=strategies.data())
    @precondition(lambda self: self.requests)
    def delete(self, data: strategies.DataObject) -> None:
        """A workflow is deleted."""
        uid = data.draw(strategies.sampled_from(sorted({request.uid for request in self.requests.values()})))
        for holder in [holder for holder, request in self.requests.items() if request.uid == uid]:
            del self.requests[holder]
            self.granted.discard(holder)
            self.working.discard(holder)
        self.stored.pop(uid, None)
        self.table.gone(uid)
        self._grant()

    @rule(uid=strategies.sampled_from([f"w{i}" for i in range(5)]))
    def decide_again(self, uid: str) -> None:
        """A write met a conflict: the run is made anew from what is stored, and asks again for the rest."""
        self.table.restored(uid)
        self._ask_again(uid)

    def _ask_again(self, uid: str) -> None:
        for holder, request in self.requests.items():
            if request.uid == uid and holder not in self.stored.get(uid, ()):
                self.granted.discard(holder)
                self.table.ask(request)
        self._grant()

    @rule()
    def crash(self) -> None:
        """All but what is stored is forgotten."""
        self.table = LockTable()
        self.table.limit(KEYS[2], self.limit)
        for uid, holders in self.stored.items():
            self.table.stored(uid, [(lock.key, holder) for holder in holders for lock in self.requests[holder].locks])
        self.granted.clear()
        for holder in [holder for holder in self.done if holder in self.requests]:
            if holder not in self.stored.get(self.requests[holder].uid, ()):
                del self.requests[holder]
        for uid in sorted({request.uid for request in self.requests.values()}):
            self._ask_again(uid)

    @rule(limit=strategies.integers(1, 4))
    def change_limit(self, limit: int) -> None:
        self.limit = limit
        self.table.limit(KEYS[2], limit)
        self._grant()

    @invariant()
    def nobody_works_beside_the_holder_of_a_mutex(self) -> None:
        for key in KEYS[:2]:
            at_work = [holder for holder in self.working if any(lock.key == key for lock in self.requests[holder].locks)]
            assert len(at_work) <= 1

    @invariant()
    def never_more_than_the_highest_limit_work(self) -> None:
        at_work = [holder for holder in self.working if any(lock.key == KEYS[2] for lock in self.requests[holder].locks)]
        assert len(at_work) <= 4

    def teardown(self) -> None:
        """Everybody is served in the end: no deadlock, nobody starves."""
        for _ in range(2 * len(self.requests) + 2):
            for uid in sorted({request.uid for request in self.requests.values()}):
                self._store(uid)
            self.done |= self.working
            self.working.clear()
        for uid in sorted({request.uid for request in self.requests.values()}):
            self._store(uid)
        assert not self.requests
        assert all(not self.table.holders(key) and not self.table.waits(key) for key in KEYS)


Locking.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestLocking = Locking.TestCase


def request(name: str, *keys: str, priority: int = 0, minute: int = 0) -> LockRequest:
    return LockRequest(holder=f"ns/{name}/n", uid=name, workflow=f"ns/{name}", locks=tuple(LOCKS[key] for key in keys),
                       priority=priority, created=START + timedelta(minutes=minute))  # fmt: skip


def test_the_higher_priority_goes_first_then_the_older():
    table = LockTable()
    table.ask(request("first", KEYS[0]))
    assert [one.uid for one in table.grant()] == ["first"]
    for one in (request("young", KEYS[0], minute=2), request("old", KEYS[0], minute=1), request("high", KEYS[0], priority=1, minute=3)):
        table.ask(one)
    order = []
    for _ in range(3):
        holder = table.holders(KEYS[0])[0].split("/")[1]
        table.gone(holder)
        order += [one.uid for one in table.grant()]
    assert order == ["high", "old", "young"]


def test_a_free_lock_is_kept_for_whoever_is_first_in_all_its_lines():
    table = LockTable()
    table.ask(request("holds-b", KEYS[1]))
    table.grant()
    table.ask(request("both", KEYS[0], KEYS[1], minute=1))
    table.ask(request("late", KEYS[0], minute=2))
    assert table.grant() == []
    table.gone("holds-b")
    assert [one.uid for one in table.grant()] == ["both"]
    table.gone("both")
    assert [one.uid for one in table.grant()] == ["late"]


def test_a_raised_limit_lets_the_next_in():
    table = LockTable()
    table.limit(KEYS[2], 1)
    table.ask(request("one", KEYS[2]))
    table.ask(request("two", KEYS[2], minute=1))
    assert [one.uid for one in table.grant()] == ["one"]
    assert table.blocked("ns/two/n").holders == ("ns/one/n",)
    table.limit(KEYS[2], 2)
    assert [one.uid for one in table.grant()] == ["two"]


def test_a_request_without_locks_of_its_own_is_granted_for_the_database_to_decide():
    table = LockTable()
    table.ask(LockRequest(holder="ns/w/n", uid="w", workflow="ns/w", locks=(Lock("ns/Database/x", is_database=True),), created=START))
    assert [one.holder for one in table.grant()] == ["ns/w/n"]
    assert table.grant() == []
