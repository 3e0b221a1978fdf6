import assert from 'node:assert/strict'
import {createFouDriver} from '../../../src/apply/index.ts'
import {type FouPort, type FouStep, stepKey} from '../../../src/model/index.ts'
import {parseAddress} from '../../../src/net/index.ts'
import {inNamespace} from '../../support/namespace.ts'

const {signal} = new AbortController()
const PORT: FouPort = {local: parseAddress('127.0.0.1')!, port: 5555, protocol: 4}
const step = (what: FouStep['do']): FouStep => {
  return {key: stepKey(what), needs: [], reason: 'test', driver: 'fou', do: what, port: PORT}
}

// With the module: test/vm/fou.test.ts.
inNamespace(import.meta.url, () => {
  it('names the module that the kernel lacks, or makes the port', async () => {
    let noted: readonly FouPort[] = []
    const driver = createFouDriver({
      read: async () => noted,
      write: async (ports) => {
        noted = ports
      },
    })
    try {
      assert.deepEqual(await driver.read(signal), [])
      const [outcome] = await driver.apply([step('port-add')], signal)
      if (outcome!.ok) {
        assert.deepEqual(await driver.read(signal), [{...PORT, ours: true}])
      } else {
        assert.equal(outcome!.code, 'unsupported')
        assert.match(outcome!.cause, /module fou/)
        assert.deepEqual(noted, [])
      }
      assert.deepEqual(await driver.apply([step('port-delete')], signal), [{ok: true, step: 'port-delete'}])
      assert.deepEqual([await driver.read(signal), noted], [[], []])
    } finally {
      driver.close()
    }
  })
})
