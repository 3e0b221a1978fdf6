import assert from 'node:assert/strict'
import {createNftDriver} from '../../../src/apply/nft/index.ts'
import {diffNft} from '../../../src/diff/index.ts'
import type {NftTable} from '../../../src/model/index.ts'
import {bringNft} from '../../support/bring-nft.ts'
import {eventually, inNamespace, shell} from '../../support/namespace.ts'
import {generationSets} from './sets.ts'

const hook = {type: 'filter', hook: 'forward', priority: 0, policy: 'drop'} as const
const OWN: NftTable = {
  family: 'inet',
  name: 'isthmus',
  counters: [],
  sets: new Map(generationSets.map((one) => [one.name, one])),
  chains: new Map([['forward', {name: 'forward', hook, rules: []}]]),
}

inNamespace(import.meta.url, () => {
  it('a table that somebody laid to rest, so that all passes, is in force again with the read that follows', async () => {
    const {signal} = new AbortController()
    const driver = createNftDriver()
    await bringNft(driver, OWN)
    const heard: string[] = []
    const end = driver.watch((what) => heard.push(what))
    shell("nft 'add table inet isthmus { flags dormant; }'")
    assert.match(shell('nft list table inet isthmus'), /flags dormant/)
    await eventually(() => heard.length > 0)
    assert.deepEqual(diffNft(OWN, await driver.read(signal)), [])
    assert.doesNotMatch(shell('nft list table inet isthmus'), /flags/)
    end()
    await driver.close()
  })
})
