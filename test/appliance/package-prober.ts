import assert from 'node:assert/strict'
import type {SystemdMachine} from '../support/systemd-machine.ts'

/** Of the gateway that is from the package: the other one's are root's. */
export const fpingsOf = (machine: SystemdMachine): string[] =>
  machine.attempt('pgrep -x -U isthmus,isthmus-prober fping').stdout.split('\n').filter(Boolean)

interface Looks {
  readonly settles: (claim: () => void, withinMs: number) => Promise<void>
  readonly isReady: () => boolean
  readonly statusOfProcess: (pid: string, field: string) => string
}

const RAW = 2 ** 13
const SOCKET = '/run/isthmus-prober.sock'

/** A part of test/appliance/package.long.ts: the gateway measures one tunnel. */
export async function proberIsApart(machine: SystemdMachine, {settles, isReady, statusOfProcess}: Looks) {
  const fpings = () => fpingsOf(machine)
  const setOf = (pid: string, set: string): number => Number.parseInt(statusOfProcess(pid, set), 16)
  await settles(() => assert.equal(fpings().length, 2, 'one a size'), 10_000)
  const user = machine.run('id -u isthmus-prober').trim()
  for (const pid of fpings()) {
    assert.match(machine.run(`cat /proc/${pid}/cgroup`), /\/isthmus-prober@/)
    for (const set of ['CapEff', 'CapPrm', 'CapAmb', 'CapBnd']) assert.equal(setOf(pid, set), RAW, set)
    assert.deepEqual(new Set(statusOfProcess(pid, 'Uid').split('\t')), new Set([user]))
    assert.deepEqual([statusOfProcess(pid, 'NoNewPrivs'), statusOfProcess(pid, 'Seccomp')], ['1', '2'])
  }
  // Nothing of the daemon's user could ask by itself; sockets for pings the package opens to nobody (Ubuntu itself does).
  for (const pid of machine.run('pgrep -U isthmus').trim().split('\n')) assert.equal(setOf(pid, 'CapBnd') & RAW, 0)
  assert.equal(machine.run('grep -l ping_group_range $(dpkg -L isthmus | grep sysctl) /dev/null || true'), '')

  const connects = (name: string): string =>
    machine
      .run(
        `setpriv --reuid ${name} --clear-groups /usr/lib/isthmus/node -e "require('net').connect('${SOCKET}')
          .once('error', ({code}) => console.log(code)).once('connect', () => { console.log('ok'); process.exit() })"`,
      )
      .trim()
  assert.deepEqual([connects('isthmus'), connects('nobody')], ['ok', 'EACCES'])

  const instances = (): string[] =>
    machine
      .run("systemctl list-units --all --plain --no-legend 'isthmus-prober@*'")
      .split('\n')
      .flatMap((line) => line.split(' ')[0] || [])
  await settles(() => assert.equal(instances().length, 2), 10_000)
  const said = machine.run(`systemd-analyze security --no-pager '${instances()[0]}'`)
  assert.ok(Number(/Overall exposure level for \S+: ([\d.]+)/.exec(said)?.[1]) <= 2, said)

  machine.run('systemctl log-target journal; systemctl stop isthmus')
  assert.deepEqual(fpings(), [])
  await settles(() => assert.deepEqual(instances(), [], 'nothing is kept of what has ended'), 5000)
  machine.run('systemctl start isthmus')
  await settles(() => assert.equal(fpings().length, 2), 40_000)
  const journal = machine.run('systemctl log-target null; journalctl --no-pager _PID=1')
  assert.match(journal, /Started isthmus\.service|Started Isthmus/)
  assert.doesNotMatch(journal, /isthmus-prober@|one fping/)

  machine.run('systemctl kill -s KILL isthmus')
  await settles(() => assert.ok(isReady()), 30_000)
  await settles(() => assert.equal(fpings().length, 2, 'those of the daemon before have ended'), 20_000)

  // Without its socket nothing is measured, and that is said; with it all is again, by itself.
  machine.run(`systemctl stop isthmus-prober.socket 'isthmus-prober@*'; test ! -e ${SOCKET}`)
  const findings = () => machine.run('isthmus get findings -o json')
  await settles(() => assert.match(findings(), /the prober at \/run\/isthmus-prober\.sock: connect ENOENT/), 20_000)
  machine.run('systemctl start isthmus-prober.socket')
  await settles(() => assert.doesNotMatch(findings(), /prober-missing/), 60_000)
}
