import assert from 'node:assert/strict'
import type {NftDriver} from '../../src/apply/index.ts'
import {diffNft} from '../../src/diff/index.ts'
import type {NftTable} from '../../src/model/index.ts'

/** Brings the kernel to a table as a pass does: reads, compares, applies the difference. Every step must succeed. */
export async function bringNft(driver: NftDriver, wanted: NftTable): Promise<void> {
  const {signal} = new AbortController()
  for (const outcome of await driver.apply(diffNft(wanted, await driver.read(signal)), signal)) {
    assert.deepEqual(outcome, {ok: true, step: outcome.step})
  }
}
