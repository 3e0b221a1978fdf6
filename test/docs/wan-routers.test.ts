import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import path from 'node:path'
import {parseGatewayConfig} from '../../src/config/index.ts'

const read = (file: string): string => readFileSync(path.resolve(import.meta.dirname, '../..', file), 'utf8')
const examples = (text: string): string[] => [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml]) => yaml!)

describe('docs/operate/wan-routers.md', () => {
  const [reference] = examples(read('docs/reference/configuration.md'))
  const base = reference!.replace(/^peers:\n(?: .*\n)+/m, '')

  for (const [index, peers] of examples(read('docs/operate/wan-routers.md')).entries()) {
    it(`example ${index + 1} is valid`, () => {
      assert.match(peers, /^peers:\n/)
      assert.deepEqual(parseGatewayConfig(`${base}${peers}`, 'example').findings, [])
    })
  }
})
