"""shrink.py: less that still fails: fewer faults, fewer actors, fewer steps."""
import re
import subprocess

ACTORS = ["producers", "readers", "followers", "strangers", "beta", "rolls"]


def kind_of(output):
    """What failed, without the names and numbers of this run: the name of the check, or the assertion."""
    match = re.search(r"seed \d+: (\[[^\]]*\]|.*)", output)
    if match:
        return match[1]
    match = re.search(r"Assertion `([^']*)'", output)
    return "assertion " + match[1] if match else None


def attempt(binary, seed, faults, actors, chaos_ms, clear):
    command = [binary, "--seed", str(seed)]
    if faults:
        command += ["--without-faults", ",".join(map(str, sorted(faults)))]
    for actor in actors:
        command += ["--without", actor]
    if chaos_ms is not None:
        command += ["--chaos-ms", str(chaos_ms)]
    if clear:
        command += ["--clear"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return kind_of(done.stdout) if done.returncode else None, command, done.stdout


def run(binary, seed):
    plan = subprocess.run([binary, "--seed", str(seed), "--plan"], stdout=subprocess.PIPE, text=True).stdout
    count = int(plan.split()[0])
    chaos_ms = int(float(re.search(r"until ([\d.]+) s", plan)[1]) * 1000)
    want, command, output = attempt(binary, seed, set(), [], None, False)
    if want is None:
        print(f"seed {seed} does not fail")
        return 0
    print(f"seed {seed} fails: {want}; {count} faults in {chaos_ms} ms")
    state = {"faults": set(), "actors": [], "chaos_ms": None, "clear": False}

    def still(**change):
        nonlocal state
        trial = {**state, **change}
        if attempt(binary, seed, **trial)[0] != want:
            return False
        state = trial
        return True

    still(clear=True)
    low, high = 0, chaos_ms
    while high - low > 100:
        middle = (low + high) // 2
        if still(chaos_ms=middle):
            high = middle
        else:
            low = middle
    for actor in ACTORS:
        still(actors=state["actors"] + [actor])
    size = max(1, count // 2)
    while size >= 1:
        at = 0
        while at < count:
            more = set(range(at, min(at + size, count))) - state["faults"]
            if more:
                still(faults=state["faults"] | more)
            at += size
        size //= 2
    _, command, output = attempt(binary, seed, **state)
    left = [line for line in plan.splitlines()[1:] if int(line.split()[0]) not in state["faults"]]
    end = state["chaos_ms"] if state["chaos_ms"] is not None else chaos_ms
    left = [line for line in left if float(line.split()[1]) <= end]
    print(output.splitlines()[0] if output else want)
    print(f"{len(left)} faults, {len(ACTORS) - len(state['actors'])} of {len(ACTORS)} optional actors are left:")
    print("\n".join(left))
    print("run again: tests/model/run " + " ".join(command[1:]) + " --trace")
    return 1
