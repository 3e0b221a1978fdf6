import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import path from 'node:path'
import {planNetwork} from '../../lab/network/plan.ts'
import {loadScenario} from '../../lab/scenario/load.ts'
import {keepalivedConf} from '../../lab/site/keepalived.ts'

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
})
