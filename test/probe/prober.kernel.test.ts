import assert from 'node:assert/strict'
import {spawn} from 'node:child_process'
import {mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {type ProbedTunnel, type Prober, startProber, type TunnelReadings} from '../../src/probe/index.ts'
import {createNamespace, eventually, inNamespace, type Namespace, shell} from '../support/namespace.ts'

const LEFT: ProbedTunnel = {device: 'is-l', local: '10.0.0.1', peer: '10.0.0.2', mtu: 1400}
const RIGHT: ProbedTunnel = {device: 'is-r', local: '10.0.0.3', peer: '10.0.0.2', mtu: 1400}

/** The fpings of this test, by what they were started with. */
const fpings = (): {pid: number; args: string}[] =>
  readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    try {
      const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      return args.startsWith('fping ') && args.includes('10.0.0.2') ? [{pid: Number(pid), args}] : []
    } catch {
      return [] // It ended meanwhile.
    }
  })

inNamespace(import.meta.url, () => {
  describe('prober', () => {
    let far: Namespace
    let stopping: AbortController
    let prober: Prober
    let timer: NodeJS.Timeout
    let wanted: readonly ProbedTunnel[]
    const start = (command?: string): void => {
      stopping = new AbortController()
      prober = startProber({
        signal: stopping.signal,
        nowMs: () => performance.now(),
        onError: () => undefined,
        times: {small: {periodMs: 200, timeoutMs: 150}, full: {periodMs: 500, timeoutMs: 400}},
        ...(command === undefined ? {} : {command}),
      })
      prober.follow(wanted)
      timer = setInterval(() => prober.follow(wanted), 100)
    }
    const reading = (device: string, isWanted: (found: TunnelReadings) => boolean): Promise<TunnelReadings> =>
      eventually(() => {
        const found = prober.readings().get(device)
        return found && isWanted(found) ? found : null
      }, 20_000)

    const makeLink = (device: string, own: string): void => {
      shell(`ip link add ${device} type veth peer name ${device} netns ${far.name}; ip link set ${device} mtu 1400 up`)
      shell(`ip addr add ${own} peer 10.0.0.2 dev ${device}`)
      far.run(`ip addr add 10.0.0.2 peer ${own} dev ${device}; ip link set ${device} mtu 1400 up`)
    }

    before(() => {
      far = createNamespace('far')
      makeLink('is-l', '10.0.0.1')
      makeLink('is-r', '10.0.0.3')
    })
    beforeEach(() => {
      wanted = [LEFT]
    })
    afterEach(async () => {
      clearInterval(timer)
      stopping.abort()
      await prober.done
      far.run('ip link set is-l mtu 1400 up; ip link set is-r up')
      far.run('ip addr replace 10.0.0.2 peer 10.0.0.1 dev is-l; ip addr replace 10.0.0.2 peer 10.0.0.3 dev is-r')
    })
    after(() => far.remove())

    it('measures both sizes, and ends its processes', async () => {
      start()
      const {small, full} = await reading('is-l', (found) => found.small.probes > 2 && found.full.probes > 0)
      assert.deepEqual([small.lossRatio, full.lossRatio], [0, 0])
      assert.ok(small.minMs! > 0 && small.minMs! <= small.avgMs! && small.avgMs! <= small.maxMs!, JSON.stringify(small))
      assert.ok(small.jitterMs !== null && small.jitterMs < small.maxMs!)
      assert.equal(fpings().length, 2)
      stopping.abort()
      await prober.done
      assert.deepEqual(fpings(), [])
    })

    it('sees a link that takes only small packets', async () => {
      far.run('ip link set is-l mtu 1000')
      start()
      const {small} = await reading('is-l', ({full}) => full.lostInRow > 0)
      assert.equal(small.lossRatio, 0)
    })

    it('tells two tunnels to one address apart', async () => {
      wanted = [LEFT, RIGHT]
      far.run('ip link set is-r down')
      start()
      const {small} = await reading('is-r', (found) => found.small.probes > 1)
      assert.equal(small.lossRatio, 1)
      assert.equal((await reading('is-l', (found) => found.small.probes > 1)).small.lossRatio, 0)
    })

    it('a device that is made anew under its name is measured again, and lost as long as it is not there', async () => {
      wanted = [LEFT, RIGHT]
      start()
      await reading('is-r', ({small}) => small.passedInRow > 1)
      shell('ip link delete is-r')
      const {small} = await reading('is-r', (found) => found.small.lostInRow > 2)
      const left = prober.readings().get('is-l')
      assert.ok(left && left.small.lostInRow === 0, 'the other one is measured on')
      assert.equal(prober.missing(), null)
      assert.equal(small.passedInRow, 0)
      makeLink('is-r', '10.0.0.3')
      await reading('is-r', (found) => found.small.passedInRow > 1 && found.full.passedInRow > 1)
    })

    it('one of several that ends at once each time is lost, and the others are measured on', async () => {
      wanted = [LEFT, RIGHT]
      const folder = mkdtempSync(join(tmpdir(), 'is-prober-'))
      const command = join(folder, 'fping')
      writeFileSync(command, '#!/bin/sh\ncase "$*" in *is-r*) echo >>"$0.ended"; exit 1;; esac\nexec fping "$@"\n', {
        mode: 0o755,
      })
      start(command)
      await reading('is-r', (found) => found.small.lostInRow > 0)
      // Three times each of the two sizes.
      await eventually(() => {
        assert.equal(prober.missing(), null)
        return readFileSync(`${command}.ended`, 'utf8').length >= 6
      }, 10_000)
      assert.ok(prober.readings().get('is-l')!.small.passedInRow > 0)
      rmSync(folder, {recursive: true})
    })

    it('a process that dies comes again, and a set that changes is followed', async () => {
      start()
      await reading('is-l', ({small}) => small.probes > 0)
      const [victim] = fpings().filter(({args}) => !args.includes('-M'))
      process.kill(victim!.pid, 'SIGKILL')
      const again = await eventually(
        () => fpings().find(({args, pid}) => !args.includes('-M') && pid !== victim!.pid),
        5000,
      )
      assert.equal(again.args, victim!.args)
      const {probes} = (await reading('is-l', ({small}) => small.probes > 1)).small
      assert.ok(probes > 1)
      wanted = []
      await eventually(() => fpings().length === 0)
      assert.equal(prober.readings().get('is-l'), undefined)
    })

    it('without fping it says so and measures nothing', async () => {
      start('fping-that-is-not-installed')
      assert.match(await eventually(() => prober.missing()), /ENOENT/)
      assert.equal(prober.readings().get('is-l'), undefined)
    })

    it('one that may not be started, which Node throws, is said too', async () => {
      // As EPERM is, of a file with a capability that this process may not have.
      start('\0')
      assert.match(await eventually(() => prober.missing()), /null bytes/)
      assert.equal(prober.readings().get('is-l'), undefined)
    })

    it('one that ends at once each time is said too, and loses nothing', async () => {
      start('false')
      assert.match(await eventually(() => prober.missing(), 10_000), /^it ended: 1$/)
      assert.equal(prober.readings().get('is-l'), undefined)
    })

    it('no process outlives a daemon that is killed', async () => {
      start()
      const module = new URL('../../src/probe/index.ts', import.meta.url).href
      const daemon = `import {startProber} from ${JSON.stringify(module)}
        const prober = startProber({signal: new AbortController().signal, nowMs: () => performance.now(), onError() {}})
        prober.follow([{...${JSON.stringify(LEFT)}, mtu: 1200}])
        setInterval(() => console.log('.'), 100)`
      const child = spawn(process.execPath, ['--input-type=module', '-e', daemon], {stdio: 'ignore'})
      const own = () => fpings().filter(({args}) => args.includes('-b 1172'))
      await eventually(() => own().length > 0, 20_000)
      child.kill('SIGKILL')
      await eventually(() => own().length === 0, 10_000)
    })
  })
})
