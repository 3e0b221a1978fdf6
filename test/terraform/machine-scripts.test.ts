import assert from 'node:assert/strict'
import {type ChildProcess, spawn, spawnSync} from 'node:child_process'
import {createHash} from 'node:crypto'
import {once} from 'node:events'
import {chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {createServer, type Server} from 'node:http'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {eventually} from '../support/namespace.ts'

const MODULES = path.resolve(import.meta.dirname, '../../terraform/modules')

/** What cloud-init puts on a machine, run here against servers that answer as the clouds do. */
describe('scripts of terraform/', () => {
  let work: string
  const servers: Server[] = []
  const started: ChildProcess[] = []
  beforeEach(() => {
    work = mkdtempSync(path.join(tmpdir(), 'isthmus-machine-'))
  })
  afterEach(() => {
    for (const {pid, exitCode} of started.splice(0)) if (exitCode === null) process.kill(-pid!, 'SIGKILL')
    rmSync(work, {recursive: true, force: true})
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
  })

  async function serve(
    answer: (url: string, body: string, headers: NodeJS.Dict<string | string[]>) => string | null,
  ): Promise<string> {
    const server = createServer(async (request, response) => {
      let body = ''
      for await (const part of request) body += part
      const said = answer(`${request.method} ${request.url}`, body, request.headers)
      response.writeHead(said === null ? 503 : 200, {connection: 'close'}).end(said ?? '')
    })
    servers.push(server.listen(0, '127.0.0.1'))
    await once(server, 'listening')
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  it('every one is a script that the shell reads', () => {
    const files = readdirSync(MODULES, {recursive: true, encoding: 'utf8'}).filter((file) =>
      /\.sh(?:\.tftpl)?$/.test(file),
    )
    assert.ok(files.length >= 7)
    for (const file of files) {
      const {status, stderr} = spawnSync('dash', ['-n', path.join(MODULES, file)], {encoding: 'utf8'})
      assert.equal(status, 0, `${file}: ${stderr}`)
    }
  })

  it('every unit is one that systemd takes', function () {
    if (spawnSync('systemd-analyze', ['--version']).status !== 0) this.skip()
    const files = readdirSync(MODULES, {recursive: true, encoding: 'utf8'}).filter((file) =>
      /\.(?:service|socket|timer)$/.test(file),
    )
    assert.ok(files.length >= 8)
    for (const file of files) {
      // Its program is on a gateway, and not here.
      const text = readFileSync(path.join(MODULES, file), 'utf8').replace(/^ExecStart=.*$/m, 'ExecStart=/bin/true')
      writeFileSync(path.join(work, path.basename(file)), text)
    }
    const units = files.map((file) => path.join(work, path.basename(file).replace('@.', '@x.')))
    for (const unit of units.filter((one) => one.includes('@x.')))
      writeFileSync(unit, readFileSync(unit.replace('@x.', '@.')))
    const {status, stderr} = spawnSync('systemd-analyze', ['verify', '--man=no', ...units], {encoding: 'utf8'})
    const ours = stderr.split('\n').filter((line) => line.includes(work) || line.includes('isthmus'))
    assert.deepEqual([status, ours], [0, []], stderr)
  })

  it('and what root runs is told what to do by nothing that the gateway’s user may write', () => {
    const files = readdirSync(MODULES, {recursive: true, encoding: 'utf8'}).filter((file) =>
      /\.(?:sh|sh\.tftpl|service|tf)$/.test(file),
    )
    // What a script sources, where cloud-init puts it, and what a unit reads or asks before it starts.
    const heeds = /^\. .*|^ *"[^"]*\.env" *=|^(?:EnvironmentFile|LoadCredential|Condition\w+)=.*/gm
    const found = files.flatMap((file) =>
      [...readFileSync(path.join(MODULES, file), 'utf8').matchAll(heeds)].map(([line]) => `${file}: ${line}`),
    )
    assert.ok(found.length >= 10, found.join('\n'))
    assert.deepEqual(
      found.filter((line) => /\/(?:etc|var\/lib)\/isthmus[/}]/.test(line)),
      [],
    )
  })

  it('keepalived takes the configuration of a pair', () => {
    const values: Readonly<Record<string, string>> = {
      priority: '200',
      own: '10.6.0.2',
      twin: '10.6.0.3',
      next_hop: '10.6.0.1',
    }
    const template = readFileSync(path.join(MODULES, 'exoscale/keepalived.conf.tftpl'), 'utf8')
    writeFileSync(path.join(work, 'lan-lost'), '0')
    const file = path.join(work, 'keepalived.conf')
    writeFileSync(
      file,
      template
        .replaceAll(/\$\{(\w+)\}/g, (_, name: string) => values[name]!)
        .replace('/run/isthmus/lan-lost', path.join(work, 'lan-lost')),
    )
    const script = `ip link add lan0 type veth peer name peer && exec keepalived --config-test --log-console --use-file ${file}`
    const said = spawnSync('unshare', ['--net', 'sh', '-c', script], {encoding: 'utf8'})
    assert.equal(said.status, 0, said.stderr)
  })

  it('addresses.sh gives the second device its name and address, and lo the elastic one, once or twice', () => {
    for (const device of ['eth0', 'ens5', 'is-tunnel']) mkdirSync(path.join(work, 'sys', device), {recursive: true})
    for (const device of ['eth0', 'ens5']) writeFileSync(path.join(work, 'sys', device, 'device'), '')
    writeFileSync(path.join(work, 'env'), "ELASTIC='198.51.100.1'\nLAN='10.6.0.2/24'\n")
    const script = `set -e
      ip link set lo up
      for device in eth0 ens5 is-tunnel; do ip link add $device type veth peer name peer-$device; done
      ip link set eth0 up; ip link set peer-eth0 up; ip address add 192.0.2.2/24 dev eth0; ip route add default via 192.0.2.1
      SYS=${path.join(work, 'sys')} ${MODULES}/exoscale/addresses.sh ${path.join(work, 'env')}
      SYS=${path.join(work, 'sys')} ${MODULES}/exoscale/addresses.sh ${path.join(work, 'env')}
      ip -brief address show; ip -o link show`
    const {status, stdout, stderr} = spawnSync('unshare', ['--net', 'sh', '-c', script], {encoding: 'utf8'})
    assert.equal(status, 0, stderr)
    assert.match(stdout, /^lo .*198\.51\.100\.1\/32/m)
    assert.match(stdout, /^lan0@\S+ .*10\.6\.0\.2\/24/m)
    assert.match(stdout, /is-tunnel@/)
    assert.match(stdout, /eth0@/)
  })

  describe('bootstrap', () => {
    const DEB = 'not really a package'
    const sha256 = createHash('sha256').update(DEB).digest('hex')

    /** A root with the files that cloud-init writes, and programs that only tell what they were asked. */
    function machine({sum = sha256, secret, yaml = 'version: 1\n'}: {sum?: string; secret?: string; yaml?: string}): {
      status: number | null
      said: string
      log: string
    } {
      const folder = (name: string): string => {
        mkdirSync(path.join(work, name), {recursive: true})
        return path.join(work, name)
      }
      const program = (file: string, text: string): void => {
        writeFileSync(file, `#!/bin/sh\n${text}\n`)
        chmodSync(file, 0o755)
      }
      const [bin, etc, lib] = [folder('bin'), folder('root/etc/isthmus'), folder('root/var/lib/isthmus-cloud')]
      writeFileSync(path.join(etc, 'gateway.yaml'), yaml)
      writeFileSync(path.join(lib, 'bootstrap.env'), `DEB_URL='https://example.net/x.deb'\nDEB_SHA256='${sum}'\n`)
      const log = path.join(work, 'log')
      program(path.join(bin, 'curl'), `while [ "$1" != --output ]; do shift; done; printf '%s' '${DEB}' > "$2"`)
      for (const name of ['apt-get', 'systemctl']) program(path.join(bin, name), `echo "${name} $*" >> ${log}`)
      if (secret !== undefined) program(path.join(lib, 'fetch-secrets'), secret)
      const {status, stderr} = spawnSync(path.join(MODULES, 'bootstrap/bootstrap.sh'), {
        env: {PATH: `${bin}:${process.env.PATH}`, ROOT: path.join(work, 'root')},
        encoding: 'utf8',
      })
      return {status, said: stderr, log: existsSync(log) ? readFileSync(log, 'utf8') : ''}
    }

    /** A base64 of a tar.gz with these files, as the store gives it. */
    function secretOf(files: Readonly<Record<string, string>>): string {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(path.join(work, 'secret', path.dirname(name)), {recursive: true})
        writeFileSync(path.join(work, 'secret', name), text)
      }
      const {stdout} = spawnSync('tar', ['cz', '-C', path.join(work, 'secret'), '.'])
      return `echo '${stdout.toString('base64')}'`
    }

    it('installs the package that was meant, puts secrets where they belong, starts the gateway', () => {
      const secret = secretOf({
        'tls/gateway.key': 'key',
        'sites/b/client.key': 'other',
        'gateway.yaml': 'forged',
        'bootstrap.env': 'forged',
      })
      const {status, said, log} = machine({secret})
      assert.equal(status, 0, said)
      assert.match(
        log,
        /apt-get install .*--force-confold .*isthmus\.deb\nsystemctl enable isthmus\.service\nsystemctl restart isthmus\.service\n$/,
      )
      const etc = path.join(work, 'root/etc/isthmus')
      assert.equal(readFileSync(path.join(etc, 'tls/gateway.key'), 'utf8'), 'key')
      assert.equal(readFileSync(path.join(etc, 'sites/b/client.key'), 'utf8'), 'other')
      // Whoever may write the secret does not write the configuration.
      assert.equal(readFileSync(path.join(etc, 'gateway.yaml'), 'utf8'), 'version: 1\n')
      assert.ok(existsSync(path.join(work, 'root/var/lib/isthmus-cloud/bootstrapped')))
    })

    it('starts what watches the LAN, where there is one', () => {
      const {log} = machine({secret: secretOf({'tls/gateway.key': 'key'}), yaml: '"lan":\n  "device": "lan0"\n'})
      assert.match(log, /systemctl enable --now isthmus-watch-lan\.service\n$/)
    })

    const REFUSED: readonly {name: string; machine: {sum?: string; secret?: string}; said: RegExp}[] = [
      {
        name: 'another package',
        machine: {sum: '0'.repeat(64)},
        said: /has SHA-256 [0-9a-f]{64}, not 0{64}: it is not installed/,
      },
      {name: 'a secret that is not there yet', machine: {secret: 'exit 22'}, said: /cannot be fetched yet/},
      {name: 'a secret that is none', machine: {secret: 'echo "%%%"'}, said: /not base64 of a tar\.gz/},
      {name: 'a secret of something else', machine: {secret: 'echo aGFsbG8='}, said: /not base64 of a tar\.gz/},
      {name: 'no secret at all', machine: {}, said: /tls\/gateway\.key is not there yet/},
    ]
    for (const {name, machine: given, said} of REFUSED) {
      it(`does not start a gateway with ${name}, and says so`, () => {
        const result = machine(given)
        assert.notEqual(result.status, 0)
        assert.match(result.said, said)
        assert.doesNotMatch(result.log, /systemctl/)
        if (given.sum) assert.doesNotMatch(result.log, /apt-get/)
      })
    }
  })

  /** Until the test is done; what it says is nobody's. */
  function start(script: string, file: string, lines: Readonly<Record<string, string>>): ChildProcess {
    writeFileSync(
      file,
      Object.entries(lines)
        .map(([name, value]) => `${name}='${value}'\n`)
        .join(''),
    )
    const child = spawn(path.join(MODULES, script), [file], {stdio: 'ignore', detached: true})
    started.push(child)
    return child
  }
  const WITHIN_MS = 10_000

  describe('take-routes', () => {
    /** IMDSv2 and EC2, the latter only where `works`; gives how it ended and what was called. */
    async function take(works: (list: string) => boolean): Promise<{status: number | null; calls: string[]}> {
      const calls: string[] = []
      const at = await serve((url, body, headers) => {
        if (url === 'PUT /api/token') return headers['x-aws-ec2-metadata-token-ttl-seconds'] ? 'TOKEN' : null
        if (url.startsWith('GET ')) {
          if (headers['x-aws-ec2-metadata-token'] !== 'TOKEN') return null
          const credentials = '{\n  "AccessKeyId" : "AKI",\n  "SecretAccessKey" : "s/e+c=",\n  "Token" : "session=="\n}'
          return url.endsWith('/security-credentials/') ? 'the-role' : url.endsWith('/the-role') ? credentials : null
        }
        assert.match(
          String(headers.authorization),
          /^AWS4-HMAC-SHA256 Credential=AKI\/\d{8}\/eu-west-1\/ec2\/aws4_request/,
        )
        assert.equal(headers['x-amz-security-token'], 'session==')
        const call = new URLSearchParams(body)
        if (!works(String(call.get('DestinationPrefixListId')))) return null
        const named = ['Action', 'RouteTableId', 'DestinationPrefixListId', 'NetworkInterfaceId']
        calls.push(named.map((name) => call.get(name)).join(' '))
        return '<ReplaceRouteResponse/>'
      })
      const script = start('aws/take-routes.sh', path.join(work, 'env'), {
        ...{REGION: 'eu-west-1', INTERFACE: 'eni-own', TABLES: 'rtb-1 rtb-2', LISTS: 'pl-4 pl-6'},
        ...{METADATA: `http://${at}`, EC2: `http://${at}/`},
      })
      const [status] = (await once(script, 'exit')) as [number | null]
      return {status, calls}
    }

    it('takes each list of each table, and ends', async () => {
      const {status, calls} = await take(() => true)
      const all = ['rtb-1', 'rtb-2'].flatMap((table) =>
        ['pl-4', 'pl-6'].map((list) => `ReplaceRoute ${table} ${list} eni-own`),
      )
      assert.deepEqual([status, calls], [0, all])
    })

    it('says that it failed where one of them could not be moved, and moves the others', async () => {
      const {status, calls} = await take((list) => list === 'pl-6')
      assert.deepEqual([status, calls.length], [1, 2])
    })
  })

  describe('health', () => {
    /** The gateway's metrics and the twin's answer; gives what the script writes down. */
    async function begin(preferred: boolean, hasTwin = true) {
      const world = {ready: true, tunnel: true, twin: true}
      const metrics = await serve((url) => {
        if (url === 'GET /readyz') return world.ready ? 'ok' : null
        return `isthmus_tunnel_up{tunnel="x"} 0\nisthmus_tunnel_up{tunnel="y"} ${world.tunnel ? 1 : 0}\n`
      })
      const twin = hasTwin ? await serve((url) => (url === 'GET /serves' && world.twin ? 'ok' : null)) : ''
      const state = path.join(work, 'state')
      const lines = {METRICS: metrics, TWIN: twin, PREFERRED: preferred ? 'yes' : 'no', STATE: state, PERIOD_S: '0.02'}
      start('bootstrap/health.sh', path.join(work, 'env'), lines)
      const says = (what: string): Promise<unknown> =>
        eventually(() => existsSync(state) && readFileSync(state, 'utf8').startsWith(`${what} `), WITHIN_MS)
      return {world, says, state}
    }

    it('the preferred gateway is active while it is ready and has a tunnel, whatever the twin is', async () => {
      const {world, says} = await begin(true)
      await says('serves=yes active=yes')
      world.twin = false
      await delay(200)
      await says('serves=yes active=yes')
      world.tunnel = false
      await says('serves=no active=no')
      world.tunnel = true
      await says('serves=yes active=yes')
      world.ready = false
      await says('serves=no active=no')
    })

    it('the other one is while it serves and the preferred one does not', async () => {
      const {world, says} = await begin(false)
      await says('serves=yes active=no')
      world.twin = false
      await says('serves=yes active=yes')
      world.ready = false
      await says('serves=no active=no')
      world.ready = true
      world.twin = true
      await says('serves=yes active=no')
    })

    it('one without a twin is while it serves', async () => {
      const {says} = await begin(false, false)
      await says('serves=yes active=yes')
    })
  })

  describe('answer-health', () => {
    const now = (): number => Math.floor(Date.now() / 1000)
    const CASES: readonly {
      readonly path: string
      readonly state: string
      readonly old?: number
      readonly status: number
    }[] = [
      {path: '/serves', state: 'serves=yes active=no', status: 200},
      {path: '/active', state: 'serves=yes active=no', status: 503},
      {path: '/active', state: 'serves=yes active=yes', status: 200},
      {path: '/serves', state: 'serves=no active=no', status: 503},
      {path: '/serves', state: 'serves=yes active=yes', old: 60, status: 503},
      {path: '/', state: 'serves=yes active=yes', status: 503},
      {path: '/serves', state: '', status: 503},
    ]
    for (const {path: asked, state, old = 0, status} of CASES) {
      it(`${asked} with ${state || 'nothing written'}, ${old} s old: ${status}`, async () => {
        const file = path.join(work, 'state')
        if (state) writeFileSync(file, `${state} at=${now() - old}\n`)
        const child = spawn(path.join(MODULES, 'bootstrap/answer-health.sh'), [file], {stdio: ['pipe', 'pipe', 'pipe']})
        child.stdin.write(`GET ${asked} HTTP/1.1\r\nHost: x\r\n\r\n`)
        let said = ''
        for await (const part of child.stdout) said += part
        child.stdin.end()
        assert.match(
          said,
          new RegExp(`^HTTP/1\\.1 ${status} [\\w ]+\r\nContent-Length: 0\r\nConnection: close\r\n\r\n$`),
        )
      })
    }
  })
})
