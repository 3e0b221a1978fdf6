import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {planNetwork} from '../../lab/network/plan.ts'
import {loadScenario} from '../../lab/scenario/load.ts'
import {keepalivedConf} from '../../lab/site/keepalived.ts'
import {startApi} from '../../src/api/index.ts'
import {fakeView, STATUS} from '../support/fake-view.ts'
import {cli} from '../support/run-cli.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)

describe('docs/operate/twins.md', () => {
  it('has the keepalived.conf that the lab is tried with, but for how often it repeats itself', () => {
    const {scenario} = loadScenario(path.join(ROOT, 'lab/scenarios/ha-pair.yaml'))
    const a1 = planNetwork(scenario).gateways.find(({name}) => name === 'a1')!
    const lab = linesOf(keepalivedConf(a1, '/run/isthmus'))
    const text = readFileSync(path.join(ROOT, 'docs/operate/twins.md'), 'utf8')
    const block = /^( {4}track_file lan_lost \{\n(?:(?: {4}.*)?\n)*)/m.exec(text)?.[1] ?? ''
    assert.deepEqual(linesOf(block), lab.slice(lab.indexOf('track_file lan_lost {')))
  })
  it('has keepalived wait for a gateway that is ready, and not for one that only answers', async () => {
    const text = readFileSync(path.join(ROOT, 'docs/operate/twins.md'), 'utf8')
    const [, condition] = /ExecStartPre=\/bin\/sh -c 'until (.*?); do sleep 1; done'/.exec(text) ?? []
    const folder = mkdtempSync(path.join(tmpdir(), 'isthmus-twins-'))
    const goesOn = async (ready: boolean): Promise<boolean> => {
      const socketPath = path.join(folder, `${ready}.sock`)
      const view = fakeView({status: () => ({...STATUS, ready, waitingFor: ready ? null : 'datastore/main'})})
      const api = await startApi({view, socketPath, metrics: null, onError: assert.fail})
      const said = await cli(['status'], socketPath)
      await api.close()
      const stand = `isthmus() { printf '%s' "$SAID"; return ${said.status}; }; ${condition}`
      return spawnSync('sh', ['-c', stand], {env: {...process.env, SAID: said.out}}).status === 0
    }
    try {
      assert.deepEqual([await goesOn(true), await goesOn(false)], [true, false])
    } finally {
      rmSync(folder, {recursive: true})
    }
  })
})
