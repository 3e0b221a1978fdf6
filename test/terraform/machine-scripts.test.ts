import assert from 'node:assert/strict'
import {spawn, spawnSync} from 'node:child_process'
import {createHash} from 'node:crypto'
import {once} from 'node:events'
import {chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {createServer, type Server} from 'node:http'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {eventually} from '../support/namespace.ts'

const MODULES = path.resolve(import.meta.dirname, '../../terraform/modules')

/** What cloud-init puts on a machine, run here against servers that answer as the clouds do. */
describe('scripts of terraform/', () => {
  let work: string
  const servers: Server[] = []
  beforeEach(() => {
    work = mkdtempSync(path.join(tmpdir(), 'isthmus-machine-'))
  })
  afterEach(() => {
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

  describe('bootstrap', () => {
    const DEB = 'not really a package'
    const sha256 = createHash('sha256').update(DEB).digest('hex')

    /** A root with the files that cloud-init writes, and programs that only tell what they were asked. */
    function machine({sum = sha256, secret}: {sum?: string; secret?: string}): {
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
      const [bin, etc, lib] = [folder('bin'), folder('root/etc/isthmus'), folder('root/usr/local/lib/isthmus')]
      writeFileSync(path.join(etc, 'gateway.yaml'), 'version: 1\n')
      writeFileSync(path.join(etc, 'bootstrap.env'), `DEB_URL='https://example.net/x.deb'\nDEB_SHA256='${sum}'\n`)
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
      assert.ok(existsSync(path.join(work, 'root/var/lib/isthmus/bootstrapped')))
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

  describe('move-routes', () => {
    /** Two gateways' /readyz, IMDSv2 and EC2, and the script of one of the two. */
    async function start(preferred: boolean): Promise<{
      ready: {own: boolean; twin: boolean}
      calls: URLSearchParams[]
      fail: {next: boolean}
      stop: () => void
    }> {
      const ready = {own: true, twin: true}
      const calls: URLSearchParams[] = []
      const fail = {next: false}
      const own = await serve((url) => (url === 'GET /readyz' && ready.own ? 'ok' : null))
      const twin = await serve((url) => (url === 'GET /readyz' && ready.twin ? 'ok' : null))
      const aws = await serve((url, body, headers) => {
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
        if (fail.next) {
          fail.next = false
          return null
        }
        calls.push(new URLSearchParams(body))
        return '<ReplaceRouteResponse/>'
      })
      const file = path.join(work, 'env')
      const lines = {
        ...{REGION: 'eu-west-1', INTERFACE: 'eni-own', PREFERRED: preferred ? 'yes' : 'no', OWN: own, TWIN: twin},
        ...{
          TABLES: 'rtb-1 rtb-2',
          PREFIXES: '10.2.0.0/16 fd00:2::/48',
          METADATA: `http://${aws}`,
          EC2: `http://${aws}/`,
        },
        ...{PERIOD_S: '0.05', AGAIN_AFTER: '1000'},
      }
      writeFileSync(
        file,
        Object.entries(lines)
          .map(([name, value]) => `${name}='${value}'\n`)
          .join(''),
      )
      const child = spawn(path.join(MODULES, 'aws/move-routes.sh'), [file], {stdio: 'ignore', detached: true})
      return {ready, calls, fail, stop: () => process.kill(-child.pid!, 'SIGKILL')}
    }
    const WITHIN_MS = 10_000
    const some = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

    it('the preferred gateway takes every route of every table, and once', async () => {
      const {calls, stop} = await start(true)
      try {
        await eventually(() => calls.length >= 4, WITHIN_MS)
        await some(300)
        assert.deepEqual(
          calls.map(
            (call) =>
              `${call.get('Action')} ${call.get('RouteTableId')} ${call.get('DestinationCidrBlock') ?? call.get('DestinationIpv6CidrBlock')} ${call.get('NetworkInterfaceId')}`,
          ),
          ['rtb-1', 'rtb-2'].flatMap((table) =>
            ['10.2.0.0/16', 'fd00:2::/48'].map((prefix) => `ReplaceRoute ${table} ${prefix} eni-own`),
          ),
        )
      } finally {
        stop()
      }
    })

    it('the other one takes them when the preferred one is not ready, and not before', async () => {
      const {ready, calls, stop} = await start(false)
      try {
        await some(500)
        assert.equal(calls.length, 0)
        ready.own = false
        ready.twin = false
        await some(700)
        assert.equal(calls.length, 0, 'two that are not ready: nothing is better than what is')
        ready.own = true
        await eventually(() => calls.length === 4, WITHIN_MS)
      } finally {
        stop()
      }
    })

    it('a call that failed is made again', async () => {
      const {calls, fail, stop} = await start(true)
      fail.next = true
      try {
        await eventually(() => calls.length >= 7, WITHIN_MS)
      } finally {
        stop()
      }
    })
  })

  describe('is-active', () => {
    const CASES: readonly {preferred: string; own: boolean; twin: boolean | null; answer: string}[] = [
      {preferred: 'yes', own: true, twin: true, answer: '200 OK'},
      {preferred: 'yes', own: true, twin: false, answer: '200 OK'},
      {preferred: 'yes', own: false, twin: true, answer: '503 Service Unavailable'},
      {preferred: 'no', own: true, twin: true, answer: '503 Service Unavailable'},
      {preferred: 'no', own: true, twin: false, answer: '200 OK'},
      {preferred: 'no', own: false, twin: false, answer: '503 Service Unavailable'},
      {preferred: 'no', own: true, twin: null, answer: '200 OK'},
    ]
    for (const {preferred, own, twin, answer} of CASES) {
      it(`preferred ${preferred}, ready ${own}, twin ${twin ?? 'none'}: ${answer}`, async () => {
        const at = await serve(() => (own ? 'ok' : null))
        const other = twin === null ? '' : await serve(() => (twin ? 'ok' : null))
        const file = path.join(work, 'env')
        writeFileSync(file, `PREFERRED='${preferred}'\nOWN='${at}'\nTWIN='${other}'\n`)
        const child = spawn(path.join(MODULES, 'azure/is-active.sh'), [file], {stdio: ['pipe', 'pipe', 'inherit']})
        child.stdin.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
        let said = ''
        for await (const part of child.stdout) said += part
        child.stdin.end()
        assert.equal(said, `HTTP/1.1 ${answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
      })
    }
  })
})
