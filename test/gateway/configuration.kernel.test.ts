import assert from 'node:assert/strict'
import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {request} from 'node:http'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {text as readText} from 'node:stream/consumers'
import {pino} from 'pino'
import {type AuditEntry, createApiClient} from '../../src/api/client.ts'
import {type RunningGateway, startGateway} from '../../src/gateway/start.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {eventually, inNamespace, shell} from '../support/namespace.ts'

const metricsOver = (socketPath: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const asked = request({socketPath, path: '/metrics'}, (answer) => resolve(readText(answer)))
    asked.on('error', reject).end()
  })

inNamespace(import.meta.url, () => {
  describe('another configuration at a running gateway', () => {
    let gateway: RunningGateway
    const folder = mkdtempSync(join(tmpdir(), 'isthmus-reconfigured-'))
    const file = join(folder, 'gateway.yaml')
    const api = createApiClient(join(folder, 'run', 'api.sock'))
    const text = (gatewayName: string, more = ''): string =>
      `${gatewayYaml(['http://127.0.0.1:1']).replace('gateway: a1', `gateway: ${gatewayName}`)}
paths: {state: ${folder}/state, run: ${folder}/run, birdConfig: ${folder}/bird.conf, birdSocket: ${folder}/bird.ctl}
${more}`
    const name = async (): Promise<string | null> => {
      const answer = await api.status()
      return answer.ok ? answer.value.gateway : null
    }

    before(async () => {
      shell('ip link add wan0 type veth peer name other; ip addr add 192.0.2.1/24 dev wan0; ip link set wan0 up')
      writeFileSync(file, text('a1'))
      gateway = await startGateway({configFile: file, log: pino({level: 'silent'})})
    })
    after(async () => {
      await gateway.stop()
      rmSync(folder, {recursive: true})
    })

    it('is in force when it is answered, and undone by a rollback', async () => {
      const applied = await api.applyConfig(text('a2'), 60)
      assert.ok(applied.ok && applied.value.pending?.previous === 1, JSON.stringify(applied))
      assert.deepEqual([await name(), readFileSync(file, 'utf8')], ['a2', text('a2')])
      const status = await api.status()
      assert.ok(status.ok && status.value.findings.some(({code}) => code === 'config-unconfirmed'))
      const found = await api.get('findings', null)
      assert.ok(found.ok && found.value.items.some(({code}) => code === 'config-unconfirmed'), 'get has it as well')
      assert.ok((await api.rollbackConfig(null)).ok)
      assert.deepEqual([await name(), readFileSync(file, 'utf8')], ['a1', text('a1')])
    })

    it('is taken from the file without being asked', async () => {
      writeFileSync(file, text('a3'))
      await eventually(async () => (await name()) === 'a3', 5000)
    })

    it('with another folder for its state is refused, in the file too: its keys are in the one that there is', async () => {
      const before = readFileSync(file, 'utf8')
      writeFileSync(file, before.replace(`state: ${folder}/state`, `state: ${folder}/other`))
      const findings = async (): Promise<string[]> => {
        const answer = await api.status()
        return answer.ok ? answer.value.findings.map(({detail}) => detail) : []
      }
      await eventually(async () => (await findings()).some((detail) => /needs a restart/.test(detail)), 5000)
      assert.ok(!existsSync(join(folder, 'other')))
      writeFileSync(file, before)
      await eventually(async () => !(await findings()).some((detail) => /needs a restart/.test(detail)), 5000)
    })

    it('all of it is in the log of changes, and in the audit log with who it was', async () => {
      const entries = async (): Promise<readonly AuditEntry[]> => {
        const answer = await api.audit(10)
        return answer.ok ? answer.value.entries : []
      }
      await eventually(async () => (await entries()).length === 3, 5000)
      assert.ok((await api.drain(true)).ok)
      const codes = async (): Promise<string[]> => {
        const answer = await api.log(100)
        assert.ok(answer.ok)
        return answer.value.entries.map(({code}) => code)
      }
      await eventually(async () => (await codes()).includes('drain-began'), 5000)
      const found = (await codes()).filter((code) => /^(config|drain|started)/.test(code)).toReversed()
      // The first was undone before anybody looked, or after.
      const seen = found[1] === 'config-applied' ? found.toSpliced(1, 1) : found
      assert.deepEqual(seen, ['started', 'config-rolled-back', 'config-applied', 'drain-began'])
      const audited = await entries()
      const uid = `uid ${process.getuid?.()}`
      assert.deepEqual(
        audited.map(({who, what, result}) => `${who.split(' (')[0]}: ${what}: ${result}`),
        [
          `${uid}: POST /v1/drain: ok`,
          'whoever edited the file: configuration version 4 found: ok',
          `${uid}: POST /v1/config/rollback: ok`,
          `${uid}: POST /v1/config/apply?confirm=60: ok`,
        ],
      )
      assert.match(audited[1]?.difference ?? '', /^-gateway: a1\n\+gateway: a3$/m)
    })

    it('what a site said last stays until the configuration that does not name it is confirmed', async () => {
      const known = join(folder, 'state', 'known', 'export-b.jsonl')
      mkdirSync(join(folder, 'state', 'known'), {recursive: true})
      writeFileSync(known, 'what it said\n')
      assert.ok((await api.applyConfig(text('a5'), 60)).ok)
      assert.ok((await api.rollbackConfig(null)).ok)
      assert.ok(existsSync(known), 'what is undone has forgotten nothing')
      assert.ok((await api.applyConfig(text('a5'), 60)).ok)
      assert.ok(existsSync(known))
      assert.ok((await api.confirmConfig()).ok)
      await eventually(async () => !existsSync(known), 5000)
    })

    it('metrics move with it, away too; an address that is not there is told', async () => {
      const isAt = (port: number): Promise<boolean> =>
        fetch(`http://127.0.0.1:${port}/healthz`).then(
          ({ok}) => ok,
          () => false,
        )
      const listenAt = async (place: string): Promise<void> => {
        const applied = await api.applyConfig(text('a1', `metrics: {listen: '${place}'}`), null)
        assert.ok(applied.ok, JSON.stringify(applied))
      }
      await listenAt('127.0.0.1:9701')
      assert.deepEqual([await isAt(9701), await isAt(9702)], [true, false])
      await listenAt('127.0.0.1:9702')
      assert.deepEqual([await isAt(9701), await isAt(9702)], [false, true])
      await listenAt('192.0.2.77:9702')
      const status = await api.status()
      assert.match(
        (status.ok && status.value.findings.find(({code}) => code === 'api-not-listening')?.detail) || '',
        /EADDRNOTAVAIL/,
      )
      assert.match(await metricsOver(join(folder, 'run', 'api.sock')), /isthmus_findings\{code="api-not-listening"\} 1/)
      assert.ok((await api.applyConfig(text('a1'), null)).ok)
      assert.deepEqual([await isAt(9701), await isAt(9702)], [false, false])
    })
  })
})
