import assert from 'node:assert/strict'
import fc from 'fast-check'
import {fouMessage, parseFou} from '../../../src/apply/fou/message.ts'
import {attribute, u8, u16be} from '../../../src/apply/netlink/attributes.ts'
import {addressFromNumber} from '../../../src/net/index.ts'

describe('messages of fou ports', () => {
  it('what was written is what is read', () => {
    const ports = fc.record({
      local: fc.bigInt({min: 0n, max: 0xffff_ffffn}).map((number) => addressFromNumber(number, 4)),
      port: fc.integer({min: 1, max: 65_535}),
      protocol: fc.constantFrom(4, 41),
    })
    fc.assert(fc.property(ports, (port) => assert.deepEqual(parseFou(fouMessage(port)), {...port})))
  })

  it('ports of another kind are none of ours to know: GUE, and over IPv6', () => {
    const [port, protocol, inet, inet6] = [attribute(1, u16be(5555)), attribute(3, u8(4)), u8(2), u8(10)]
    assert.equal(parseFou(Buffer.concat([port, attribute(2, inet), protocol, attribute(4, u8(2))])), null)
    assert.equal(parseFou(Buffer.concat([port, attribute(2, inet6), protocol, attribute(4, u8(1))])), null)
    assert.deepEqual(parseFou(Buffer.concat([port, attribute(2, inet), protocol])), {
      local: '0.0.0.0',
      port: 5555,
      protocol: 4,
    })
  })
})
