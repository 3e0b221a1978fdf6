import assert from 'node:assert/strict'
import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {watchLan} from '../../src/probe/index.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'
import {address} from '../support/sites.ts'

const lost = (): string => shell('ip -4 route show table 1788 2>/dev/null || true').trim()

inNamespace(import.meta.url, () => {
  describe('a watched LAN, with real fping', function () {
    this.timeout(20_000)
    const folder = mkdtempSync(join(tmpdir(), 'is-lan-'))
    const said: string[] = []
    let neighbours: Namespace
    let end: AbortController
    let ended: Promise<void>
    const start = (): void => {
      end = new AbortController()
      const lan = {
        device: 'lan0',
        address: address('10.1.0.1'),
        twin: address('10.1.0.2'),
        watch: [address('10.1.0.9')],
      }
      ended = watchLan({lan, folder, signal: end.signal, tell: (line) => said.push(line)})
    }
    const stop = async (): Promise<void> => {
      end.abort()
      await ended
    }
    const file = (): string => readFileSync(join(folder, 'lan-lost'), 'utf8')
    const answer = (on: boolean): string => neighbours.run(`sysctl -qw net.ipv4.icmp_echo_ignore_all=${on ? 0 : 1}`)

    before(() => {
      neighbours = createNamespace('neighbours')
      shell(`ip link add lan0 type veth peer name eth0 netns ${neighbours.name}
ip link set lan0 up; ip address add 10.1.0.1/24 dev lan0; ip address add 10.1.0.201/32 dev lan0`)
      neighbours.run('ip link set eth0 up; ip address add 10.1.0.2/24 dev eth0; ip address add 10.1.0.9/24 dev eth0')
      start()
    })
    after(async () => {
      await stop()
      neighbours.remove()
      rmSync(folder, {recursive: true})
    })

    it('whose neighbours fall silent, carrier or not: its network cannot be reached, keepalived’s file says so', async () => {
      await new Promise((resolve) => setTimeout(resolve, 500))
      assert.deepEqual([lost(), file(), said], ['', '0\n', []])
      answer(false)
      await eventually(() => file() === '1\n')
      assert.match(lost(), /^unreachable 10\.1\.0\.0\/24\b/)
      assert.equal(lost().split('\n').length, 1)
    })

    it('a watch that starts again changes nothing, and finds when it is over', async () => {
      await stop()
      start()
      await new Promise((resolve) => setTimeout(resolve, 500))
      assert.deepEqual([lost() === '', file()], [false, '1\n'])
      answer(true)
      await eventually(() => file() === '0\n', 6000)
      assert.equal(lost(), '')
      assert.deepEqual(said, ['cut off: nobody on lan0 answers', 'lan0 is back'])
    })

    const fping = (): string => shell(`pgrep -P ${process.pid} -x fping || true`).trim()
    const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

    it('finds a cut also by an fping that says nothing of unanswered probes: a pause while one is silent ends that', async () => {
      neighbours.run(`nft 'table ip t { chain i { type filter hook input priority 0; ip daddr 10.1.0.9 drop; }; }'`)
      await pause(400)
      shell(`kill -STOP ${fping()}; sleep 0.13; kill -CONT ${fping()}`)
      await pause(400)
      neighbours.run('nft delete table ip t')
      await pause(200)
      answer(false)
      await eventually(() => file() === '1\n', 700)
      assert.equal(said.at(-1), 'cut off: nobody on lan0 answers')
    })

    it('starts an fping again that says nothing at all, and takes that for no cut', async () => {
      await stop()
      answer(true)
      shell('ip -4 route flush table 1788')
      start()
      await pause(500)
      const before = fping()
      const words = said.length
      shell(`kill -STOP ${before}`)
      await eventually(() => said.length > words, 2000)
      await eventually(() => !['', before].includes(fping()), 1500)
      await pause(300)
      answer(false)
      await eventually(() => file() === '1\n', 700)
      assert.deepEqual(said.slice(words), [
        'fping says nothing any longer: it is started again',
        'cut off: nobody on lan0 answers',
      ])
    })
  })
})
