import assert from 'node:assert/strict'
import {createBulkSend} from '../../../src/apply/nft/bulk-send.ts'

describe('a long message to nf_tables', () => {
  it('that the kernel refuses is told with its reason', async () => {
    const send = createBulkSend()!
    // Linux takes no empty message since 5.16: ENODATA.
    await assert.rejects(
      send(Buffer.alloc(0), () => true),
      /a transaction of elements fails \(errno 61\)/,
    )
  })
})
