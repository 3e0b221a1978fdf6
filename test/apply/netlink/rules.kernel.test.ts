import assert from 'node:assert/strict'
import {createNetlinkDriver, type NetlinkDriver} from '../../../src/apply/index.ts'
import {type NetlinkStep, RULE_PROTOCOL, type SourceRule, sourceRuleText, stepKey} from '../../../src/model/index.ts'
import type {Address} from '../../../src/net/index.ts'
import {inNamespace, shell} from '../../support/namespace.ts'

const step = (act: 'rule-add' | 'rule-delete', source: string, table: number): NetlinkStep => {
  const rule: SourceRule = {source: source as Address, table}
  return {
    ...{needs: [], reason: 'test', driver: 'netlink'},
    key: stepKey(`${act} ${sourceRuleText(rule)}`),
    do: act,
    rule,
  }
}

// Nothing makes the kernel refuse a rule, so the driver's contract is held by its other parts.
inNamespace(import.meta.url, () => {
  describe('rules by source', () => {
    const {signal} = new AbortController()
    let driver: NetlinkDriver
    before(() => {
      driver = createNetlinkDriver()
    })
    after(() => driver.close())
    const apply = async (...steps: NetlinkStep[]): Promise<void> => {
      for (const outcome of await driver.apply(steps, signal)) assert.ok(outcome.ok, JSON.stringify(outcome))
    }
    const held = async (): Promise<string[]> => (await driver.read(signal)).sourceRules.map(sourceRuleText).sort()
    const both = (act: 'rule-add' | 'rule-delete') => [step(act, '192.0.2.1', 1790), step(act, '2001:db8::1', 1791)]
    const others = (): string => shell(`ip rule show | grep -v 'proto ${RULE_PROTOCOL}'`)

    it('made twice are made once, of both families; gone twice is gone', async () => {
      await apply(...both('rule-add'))
      await apply(...both('rule-add'))
      assert.deepEqual(await held(), ['from 192.0.2.1 lookup 1790', 'from 2001:db8::1 lookup 1791'])
      assert.match(shell('ip rule show'), /^1790:\tfrom 192\.0\.2\.1 lookup 1790 proto 73$/m)
      await apply(...both('rule-delete'))
      await apply(...both('rule-delete'))
      assert.deepEqual(await held(), [])
    })

    it('those of others are neither seen nor taken away, however like ours', async () => {
      shell('ip rule add from 192.0.2.1 lookup 1790 priority 1790 protocol 4; ip rule add from 192.0.2.1 lookup 77')
      const before = others()
      assert.deepEqual(await held(), [])
      await apply(...both('rule-add'))
      assert.equal((await held()).length, 2)
      await apply(...both('rule-delete'))
      assert.deepEqual([await held(), others()], [[], before])
    })

    it('one with our mark that we would not make is not taken for one that is wanted', async () => {
      shell(`ip rule add from 192.0.2.1 lookup 1790 priority 5 protocol ${RULE_PROTOCOL}`)
      assert.deepEqual(await held(), [])
    })
  })
})
