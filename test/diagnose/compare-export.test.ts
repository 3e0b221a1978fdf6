import assert from 'node:assert/strict'
import {compareExport} from '../../src/diagnose/index.ts'
import {EXPORT} from '../support/sites.ts'

const records = (paths: Record<string, string>): Map<string, string> =>
  new Map(Object.entries(paths).map(([path, text]) => [EXPORT + path, text]))
const SOUND = {
  ...{'attributes/w': 'web', 'endpoints/main/10.1.0.1/w': '{}', 'resources/tiers/t': 't'},
  ...{meta: 'm', 'gateways/a1': 'g', 'local/main/tiers/t': 'l'},
}

const cases: readonly [
  claim: string,
  published: Record<string, string>,
  differ: readonly string[],
  waiting?: number,
][] = [
  ['all as it should be', SOUND, []],
  ['what is not of all etcds is not compared', {...SOUND, meta: 'x', 'gateways/a2': 'x', 'local/old/tiers/t': 'x'}, []],
  ['an endpoint that is stale', {...SOUND, 'endpoints/main/10.1.0.2/w': '{}'}, ['endpoints/main/10.1.0.2/w']],
  ['a set that nobody has', {...SOUND, 'attributes/x': 'x'}, ['attributes/x']],
  ['a document that is another', {...SOUND, 'resources/tiers/t': 'x'}, ['resources/tiers/t']],
  ['nothing at all', {}, ['attributes/w', 'endpoints/main/10.1.0.1/w', 'resources/tiers/t']],
  [
    'of a datastore that is not named any more: its endpoints, their own set, and one that others have, too',
    {...SOUND, 'endpoints/old/10.1.0.2/w': '{}', 'endpoints/old/10.1.0.3/o': '{}', 'attributes/o': 'old'},
    [],
    3,
  ],
  [
    'a set that others have and that is another is no record that waits',
    {...SOUND, 'attributes/w': 'x', 'endpoints/old/10.1.0.2/w': '{}'},
    ['attributes/w'],
    1,
  ],
]

describe('the own export against all etcds', () => {
  for (const [claim, published, differ, waiting = 0] of cases) {
    it(claim, () => {
      const report = compareExport(records(published), records(SOUND), ['main'])
      assert.deepEqual(
        report.differences.map(({where}) => where).sort(),
        differ.map((path) => `own export ${EXPORT}${path}`),
      )
      assert.equal(report.waiting, waiting)
    })
  }
})
