import assert from 'node:assert/strict'
import {type ChildProcess, spawn, spawnSync} from 'node:child_process'
import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {startFping} from '../../src/probe/fping.ts'
import {type ProbedTunnel, probeGroups, startProber, watchLan} from '../../src/probe/index.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'
import {address} from '../support/sites.ts'

const SCRIPT = resolve(import.meta.dirname, '../../appliance/debian/prober')
const TUNNEL: ProbedTunnel = {device: 'is-p', local: '10.7.0.1', peer: '10.7.0.2', mtu: 1400}
const QUESTION = '-4 -O 192 -q -M -b 1372 -B 1 -t 100 -r 3 -I is-p -S 10.7.0.1 10.7.0.2'

/** The fpings of this test. */
const fpings = (): string[] =>
  readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    try {
      const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      return args.startsWith('fping ') && args.includes('10.7.0.') ? [args] : []
    } catch {
      return [] // It ended meanwhile.
    }
  })

/** What the script answers, with an fping that only says what it was started with. */
const answerTo = (line: string): string => {
  const env = {PATH: '/nowhere'}
  return spawnSync('/bin/sh', [SCRIPT], {input: line, encoding: 'utf8', env}).stdout
}

describe('what the prober refuses', () => {
  const asked = (args: string, mode = 'out'): string => answerTo(`${mode} ${args}\n`)
  /** There is no fping on its path; or its end was seen first, since nothing comes after the question. */
  const TAKEN = /(?:refused fping is not installed, or may not be started|exit 137)\n$/

  it('not what the gateway asks for', () => {
    const six = {...TUNNEL, local: 'fd64::1', peer: 'fd64::2'}
    const shared = {...TUNNEL, device: 'is-0123456789ab', local: '10.7.0.3'}
    for (const tunnels of [[TUNNEL], [six], [TUNNEL, shared], [TUNNEL, six, shared]])
      for (const {args} of probeGroups(tunnels)) assert.match(asked(args.join(' ')), TAKEN, args.join(' '))
    assert.match(asked(QUESTION), TAKEN)
    assert.match(asked('-4 -l -p 50 -t 200 -i 1 -O 192 10.1.0.2 127.0.0.1', 'all'), TAKEN)
    const many = Array.from({length: 2000}, (_, index) => `10.7.${index >> 8}.${index & 255}`)
    assert.match(asked(`-4 -l -p 1000 ${many.join(' ')}`), TAKEN)
  })

  const refused: readonly (readonly [string, RegExp])[] = [
    ['', /neither out nor all/],
    ['-l 10.7.0.2', /neither out nor all/],
    ['out', /neither -l nor -q/],
    ['out 10.7.0.2', /neither -l nor -q/],
    ['out -l', /no target/],
    ['out -l -f /etc/shadow', /a character/],
    ['out -l -f passwd', /^refused -f: not an argument/],
    ['out -lf passwd', /^refused -lf: not an argument/],
    ['out -l --file=passwd', /a character/],
    ['out -l --file passwd', /^refused --file: not an argument/],
    ['out -l -g 10.7.0.2 10.7.0.9', /^refused -g: not an argument/],
    ['out -l 10.7.0.2 -f passwd', /^refused -f: not an address/],
    ['out -l -- -f', /^refused --: not an argument/],
    ['out -l - 10.7.0.2', /^refused -: not an argument/],
    ['out -l localhost', /not an address/],
    ['out -l beef', /not an address/],
    ['out -l dead.beef.cafe.example', /not an address/],
    ['out -l 10.7.0.2;id', /a character/],
    ['out -l $(id) 10.7.0.2', /a character/],
    ['out -l `id`', /a character/],
    ['out -l 10.7.0.* ', /a character/],
    ['out -l ~ ', /a character/],
    ['out -l 10.7.0.2 >/tmp/x', /a character/],
    ['out -l 10.7.0.2\t-f', /a character/],
    ['out -l -b', /^refused -b: no number/],
    ['out -l -b -1 10.7.0.2', /^refused -b: no number/],
    ['out -l -b 99999999 10.7.0.2', /^refused -b: no number/],
    ['out -l -b 1.5 10.7.0.2', /^refused -b: no number/],
    ['out -l -I', /^refused -I: no device/],
    ['out -l -I -f 10.7.0.2', /^refused -I: no device/],
    ['out -l -I is-0123456789abc 10.7.0.2', /^refused -I: no device/],
    ['out -l -S localhost 10.7.0.2', /^refused -S: no address/],
    ['out -l -S -f 10.7.0.2', /^refused -S: no address/],
  ]
  for (const [line, why] of refused)
    it(JSON.stringify(line), () => {
      const answer = answerTo(`${line}\n`)
      assert.match(answer, /^refused .*\n$/)
      assert.match(answer, why)
    })

  it('a question without an end', () => {
    assert.equal(answerTo(`out ${QUESTION}`), 'refused the question is no line\n')
  })
})

inNamespace(import.meta.url, () => {
  describe('fping at the prober', function () {
    this.timeout(20_000)
    const folder = mkdtempSync(join(tmpdir(), 'is-fping-'))
    const socket = join(folder, 'prober.sock')
    let server: ChildProcess
    let far: Namespace
    let stopping: AbortController
    let timer: NodeJS.Timeout | undefined
    const nowMs = () => performance.now()
    const listens = (path: string) =>
      eventually(() => spawnSync('ss', ['-xlH', 'src', path], {encoding: 'utf8'}).stdout.includes(path))

    before(async () => {
      far = createNamespace('far')
      shell(`ip link add is-p type veth peer name is-p netns ${far.name}; ip link set is-p mtu 1400 up; ip link set lo up
ip address add 10.7.0.1/24 dev is-p`)
      far.run('ip link set is-p mtu 1400 up; ip address add 10.7.0.2/24 dev is-p; ip address add 10.7.0.3/24 dev is-p')
      // As systemd does with Accept=yes.
      server = spawn('systemd-socket-activate', ['-l', socket, '--accept', '--inetd', '/bin/sh', SCRIPT], {
        stdio: 'ignore',
      })
      await listens(socket)
      process.env.ISTHMUS_PROBER = socket
    })
    beforeEach(() => {
      stopping = new AbortController()
    })
    afterEach(async () => {
      clearInterval(timer)
      stopping.abort()
      await eventually(() => fpings().length === 0)
    })
    after(() => {
      delete process.env.ISTHMUS_PROBER
      server.kill('SIGKILL')
      far.remove()
      rmSync(folder, {recursive: true})
    })

    it('a question: its status is told', async () => {
      const ask = (args: string) => startFping(args.split(' ')).ended
      assert.deepEqual(await ask(QUESTION), {error: null, how: 0})
      assert.deepEqual(await ask(QUESTION.replace('1372', '1374')), {error: null, how: 1})
      assert.deepEqual(await ask(QUESTION.replace(/10.7.0.2$/, '10.7.0.9')), {error: null, how: 1})
      const {error, how} = await ask('-f passwd')
      assert.equal(how, null)
      assert.match(error!.message, /^the prober at .*prober\.sock: -f: not an argument of the gateway's$/)
    })

    it('what it says on stderr comes where it is wanted', async () => {
      const said = {wanted: '', unwanted: ''}
      const words = '-4 -l -p 50 -t 40 -I is-none 127.0.0.1'.split(' ')
      const wanted = startFping(words, {onOutput: (text) => (said.wanted += text), onErrors: () => undefined})
      const unwanted = startFping(words, {onOutput: (text) => (said.unwanted += text)})
      for (const {ended} of [wanted, unwanted]) assert.deepEqual(await ended, {error: null, how: 1})
      assert.match(said.wanted, /No such device\n$/)
      assert.equal(said.unwanted, '')
    })

    it('killed, also where it says nothing that could fail', async () => {
      const fping = startFping('-4 -l -p 50 -t 40 -M -b 1400 10.7.0.2'.split(' '))
      await eventually(() => fpings().length === 1)
      fping.kill()
      assert.deepEqual(await fping.ended, {error: null, how: 137})
      assert.deepEqual(fpings(), [])
    })

    it('a signal ends it, also one that was before, and nothing of it is left', async () => {
      const one = startFping(['-l', '-p', '1000', '10.7.0.2'], {signal: stopping.signal})
      await eventually(() => fpings().length === 1)
      stopping.abort()
      assert.equal((await one.ended).error, null)
      assert.deepEqual(fpings(), [])
      const {error} = await startFping(['-l', '-p', '1000', '10.7.0.2'], {signal: stopping.signal}).ended
      assert.equal(error, null)
      assert.deepEqual(fpings(), [])
    })

    it('both sizes are measured, one that dies comes again, and all end with the prober', async () => {
      const times = {small: {periodMs: 200, timeoutMs: 150}, full: {periodMs: 300, timeoutMs: 250}}
      const prober = startProber({signal: stopping.signal, nowMs, onError: () => undefined, times})
      timer = setInterval(() => prober.follow([TUNNEL]), 100)
      const passed = (least: number) =>
        eventually(() => {
          const found = prober.readings().get('is-p')
          return found && found.small.passedInRow > least && found.full.passedInRow > least
        }, 10_000)
      await passed(1)
      assert.equal(fpings().length, 2)
      shell('pkill -KILL -f "^fping .*10[.]7[.]0[.]2$"')
      await passed(1)
      assert.equal(prober.missing(), null)
      clearInterval(timer)
      stopping.abort()
      await prober.done
      assert.deepEqual(fpings(), [])
    })

    it('a prober that is not there, or hangs up, is what a missing fping is', async () => {
      const missing = async (): Promise<string> => {
        const prober = startProber({signal: stopping.signal, nowMs, onError: () => undefined})
        prober.follow([TUNNEL])
        return (await eventually(() => prober.missing())) as string
      }
      process.env.ISTHMUS_PROBER = join(folder, 'none.sock')
      assert.match(await missing(), /^the prober at \S+none\.sock: connect ENOENT/)
      const mute = join(folder, 'mute.sock')
      const other = spawn('systemd-socket-activate', ['-l', mute, '--accept', '--inetd', '/bin/true'], {
        stdio: 'ignore',
      })
      await listens(mute)
      process.env.ISTHMUS_PROBER = mute
      assert.match(await missing(), /^the prober at \S+mute\.sock: (?:it hung up|.*E(?:PIPE|CONNRESET))/)
      other.kill('SIGKILL')
      process.env.ISTHMUS_PROBER = socket
      stopping.abort()
    })

    it('the LAN is watched by it too', async () => {
      const lan = {
        device: 'is-p',
        address: address('10.7.0.1'),
        twin: address('10.7.0.2'),
        watch: [address('10.7.0.3')],
      }
      const said: string[] = []
      const ended = watchLan({lan, folder, signal: stopping.signal, tell: (line) => said.push(line)})
      await eventually(() => fpings().length === 1)
      await new Promise((resolve) => setTimeout(resolve, 400))
      far.run('sysctl -qw net.ipv4.icmp_echo_ignore_all=1')
      await eventually(() => readFileSync(join(folder, 'lan-lost'), 'utf8') === '1\n')
      stopping.abort()
      await ended
      assert.deepEqual([said, fpings()], [['cut off: nobody on is-p answers'], []])
    })
  })
})
