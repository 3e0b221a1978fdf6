import assert from 'node:assert/strict'
import path from 'node:path'
import {parse} from 'yaml'
import {cli} from '../support/run-cli.ts'

const EXAMPLE = path.resolve(import.meta.dirname, '../../terraform/examples/azure-onprem/interconnect.yaml')

describe('isthmus render', () => {
  it('terraform prints the variables of all sites, every default written out', async () => {
    const {status, out, err} = await cli(['render', 'terraform', '--config', EXAMPLE])
    assert.equal(err, '')
    assert.equal(status, 0)
    const variables = JSON.parse(out)
    assert.deepEqual(Object.keys(variables), ['interconnect', 'sites', 'pairs'])
    assert.deepEqual(variables.interconnect.encapsulation, 'wireguard')
    assert.deepEqual(variables.sites.onprem.gateways.d1, {
      ...{number: 0, address: '192.168.10.1', public: null, private: null, device: null, extra: '{}'},
    })
    assert.deepEqual(JSON.parse(variables.sites.onprem.extra), {nodes: {session: 'ibgp', localAs: 64512}})
    assert.deepEqual(variables.pairs, [{between: ['azure', 'onprem'], encapsulation: 'fou', bfd: 'private'}])
  })

  it('gateway prints the file of one', async () => {
    const {status, out} = await cli(['render', 'gateway', 'azure', 'z2', '--config', EXAMPLE])
    assert.equal(status, 0)
    assert.equal(parse(out).twin, 'z1')
  })

  it('says which gateways there are, where the one that is asked for is not', async () => {
    const {status, out, err} = await cli(['render', 'gateway', 'azure', 'z3', '--config', EXAMPLE])
    assert.deepEqual([status, out], [1, ''])
    assert.match(err, /no gateway z3 of a site azure; it has azure z1, azure z2, onprem d1/)
  })

  it('says what is wrong with a file, and prints nothing of it', async () => {
    const {status, out, err} = await cli(['render', 'terraform', '--config', '/nonexistent/interconnect.yaml'])
    assert.deepEqual([status, out], [1, ''])
    assert.match(err, /cannot be read/)
    const wrong = await cli(['render', 'terraform', '--config', path.join(import.meta.dirname, '../../package.json')])
    assert.deepEqual([wrong.status, wrong.out], [1, ''])
    assert.match(wrong.err, /package\.json:2:3: error config-unknown-key name: unknown key/)
  })
})
