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
  })
})
