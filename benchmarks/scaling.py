"""Worker-hours and lateness of a day of bursts, scaled and not: python -m benchmarks.scaling

In fast time: the scaler as it is, a model of the platform and its workers (tests/day.py).
"""

from tests import day

FLEETS = {"scaled, 0 to 5": (0, 5), "scaled, 1 to 5": (1, 5), "1 always on": (1, 1), "5 always on": (5, 5)}


def main(seeds=range(5)):
    print(f"{len(seeds)} days; workers of {day.SLOTS} jobs at a time that take {day.BOOT_SECONDS} s to start")
    for name, (least, most) in FLEETS.items():
        hours, changes, cut, late = 0.0, 0, 0, []
        for seed in seeds:
            work = day.bursts(seed)
            told = day.run(work, least, most, seed=seed)
            hours, changes, cut = hours + told.hours, changes + len(told.changes), cut + told.cut
            late += [start - job.due for start, job in zip(told.starts, work)]
        late.sort()
        print(f"{name}: {hours / len(seeds):.1f} worker-hours a day, {changes / len(seeds):.0f} changes, "
              f"{cut} jobs cut; {len(late)} jobs, late p50 {late[len(late) // 2]:.0f} s, "
              f"p95 {late[len(late) * 95 // 100]:.0f} s, most {late[-1]:.0f} s")


if __name__ == "__main__":
    main()
