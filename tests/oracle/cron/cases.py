"""Writes the questions that `main.go` answers: schedules, zones and starts around changes to and from summer time."""

import itertools
import json

SCHEDULES = [
    "* * * * *", "*/5 * * * *", "0 * * * *", "30 2 * * *", "30 1 * * *", "0 0 * * *", "0 0 1 * *", "0 0 31 * *", "0 0 29 2 *", "0 12 * * 1-5",
    "0 0 15 * MON", "0 0 */2 * MON", "0 0 * * SUN", "0 0 ? * ?", "15,45 3-5 * * *", "5/20 */6 * JAN,jul *", "59 23 31 12 *", "0 3 * 3,10 0",
    "@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually", "@every 90s", "@every 1h30m", "@every 250ms",
    "CRON_TZ=Asia/Kolkata 30 9 * * *", "TZ=America/New_York 30 2 * * *", "CRON_TZ=Pacific/Auckland 15 2 * * *",
    "60 * * * *", "* * * * 7", "* * * *", "* * * * * *", "*/0 * * * *", "5-3 * * * *", "@reboot", "L * * * *", "* * * * fri-mon", "1-5/0 * * * *",
    "-1 * * * *", "1,,2 * * * *", "* * 1-32 * *", "*,99 * * * *", ", * * * *", "0 0 1-31 * MON", "0 0 *,3 * 2", "0 0 30,31 2 *", "59,0 23-23 * * 0-6",
]  # fmt: skip
ZONES = ["UTC", "Europe/Paris", "America/New_York", "Asia/Tehran", "Asia/Kathmandu", "America/Sao_Paulo"]
STARTS = [
    "2026-01-01T00:00:00Z", "2026-03-08T06:30:00Z", "2026-03-29T00:30:30Z", "2026-04-04T14:45:00Z", "2026-10-03T15:00:00Z",
    "2026-10-25T00:15:00Z", "2026-11-01T05:29:59Z", "2027-12-31T23:59:59Z", "2096-03-01T12:00:00Z",
]  # fmt: skip

if __name__ == "__main__":
    print(json.dumps([{"schedule": s, "zone": z, "start": t} for s, z, t in itertools.product(SCHEDULES, ZONES, STARTS)]))
