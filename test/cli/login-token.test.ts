import assert from 'node:assert/strict'
import {type RunningApi, startApi} from '../../src/api/index.ts'
import {parseAddress} from '../../src/net/index.ts'
import {fakeView} from '../support/fake-view.ts'
import {type Issued, issuedFolder, SERVER} from '../support/issued.ts'
import {cli} from '../support/run-cli.ts'

describe('isthmus login-token', () => {
  let issued: Issued
  let api: RunningApi
  let socketPath: string

  before(async () => {
    issued = issuedFolder()
    await issued.make('ca')
    await issued.make('server', {issuer: 'ca', ...SERVER})
    socketPath = issued.at('api.sock')
    const [cert, key] = [issued.at('server.pem'), issued.at('server.key')]
    const listen = {address: parseAddress('127.0.0.1')!, port: 0, cert, key, clientCa: null, clients: []}
    api = await startApi({view: fakeView(), socketPath, metrics: null, listen, onError: assert.fail})
  })
  after(async () => {
    await api.close()
    issued.remove()
  })

  it('prints the token alone, and beside it where and how long', async () => {
    const {status, out, err} = await cli(['login-token', '--minutes', '7'], socketPath)
    assert.equal(status, 0)
    assert.match(out, /^[\w-]{43}\n$/)
    assert.match(err, /^lets one viewer in at https:\/\/127\.0\.0\.1:\d+\/ until 20\d\d-.*Z\n$/)
    const json = await cli(['login-token', '-o', 'json'], socketPath)
    assert.deepEqual(Object.keys(JSON.parse(json.out)), ['token', 'expiresAt', 'listen'])
  })

  for (const minutes of ['0', '61', 'x', '1.5']) {
    it(`${minutes} minutes are refused`, async () => {
      const {status, err} = await cli(['login-token', '--minutes', minutes], socketPath)
      assert.deepEqual([status, /from 1 to 60/.test(err)], [2, true])
    })
  }

  it('where nothing listens there is nothing to log in to', async () => {
    await api.listenOn(null)
    const {status, err} = await cli(['login-token'], socketPath)
    assert.deepEqual([status, err], [1, 'nothing listens on TCP: `api.listen` is not configured\n'])
  })
})
