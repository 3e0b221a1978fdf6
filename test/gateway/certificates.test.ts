import assert from 'node:assert/strict'
import {chmodSync, cpSync, rmSync, writeFileSync} from 'node:fs'
import {Registry} from 'prom-client'
import type {WatchClock} from '../../src/etcd/index.ts'
import {createCertificateMetrics} from '../../src/gateway/certificate-metrics.ts'
import {type Certificates, startCertificates} from '../../src/gateway/certificates.ts'
import type {DatastoreConfig, DatastoreName, PasswordUser, TlsFiles} from '../../src/model/index.ts'
import {type Issued, issuedFolder} from '../support/issued.ts'

const DAY_MS = 86_400_000

/** Every sleeper is awake when `turn` resolves, and has gone to sleep again. */
function turningClock(): WatchClock & {turn(ms: number): Promise<void>} {
  let nowMs = 0
  let wake: (() => void)[] = []
  let asleep: (() => void) | null = null
  return {
    nowMs: () => nowMs,
    random: () => 0,
    sleep: (_, signal) =>
      new Promise((resolve) => {
        wake.push(resolve)
        signal.addEventListener('abort', () => resolve(), {once: true})
        asleep?.()
      }),
    async turn(ms) {
      if (wake.length === 0) await new Promise<void>((resolve) => (asleep = resolve))
      nowMs += ms
      const fallen = new Promise<void>((resolve) => (asleep = resolve))
      const woken = wake
      wake = []
      for (const one of woken) one()
      await fallen
    },
  }
}

describe('the certificates of a running gateway', () => {
  let issued: Issued
  let stop: AbortController
  let wallMs: number
  const files = (): TlsFiles => ({ca: issued.at('ca.pem'), cert: issued.at('in-use.pem'), key: issued.at('in-use.key')})
  const use = (name: string): void => {
    for (const ending of ['pem', 'key']) cpSync(issued.at(`${name}.${ending}`), issued.at(`in-use.${ending}`))
  }
  const start = (clock: WatchClock, tls: TlsFiles | null, user: PasswordUser | null = null): Certificates => {
    const endpoints = [`${tls ? 'https' : 'http'}://127.0.0.1:1`]
    const main: DatastoreConfig = {
      name: 'main' as DatastoreName,
      kind: 'isthmus',
      endpoints,
      tls,
      user,
      export: null,
    }
    return startCertificates({
      config: {datastores: [main], sites: new Map()},
      ...{clock, wallMs: () => wallMs, signal: stop.signal},
      onError: (_, error) => assert.fail(String(error)),
    })
  }
  const codes = (certificates: Certificates): string[] => certificates.findings().map(({code}) => code)

  before(async () => {
    issued = issuedFolder()
    await issued.make('ca', {days: 400})
    await issued.make('short', {issuer: 'ca', days: 40})
    await issued.make('long', {issuer: 'ca', days: 365})
  })
  after(() => issued.remove())
  beforeEach(() => {
    stop = new AbortController()
    wallMs = Date.now()
  })

  it('tells what comes to its end, and sees at once that it was renewed or taken away', async () => {
    use('short')
    const clock = turningClock()
    const certificates = start(clock, files())
    await clock.turn(10_000)
    assert.deepEqual(codes(certificates), [])
    const register = new Registry()
    const metrics = createCertificateMetrics(register)
    const days = async (): Promise<string[]> => {
      metrics.observe(certificates.expiries())
      const [metric] = await register.getMetricsAsJSON()
      return (metric?.values ?? []).map(
        ({labels, value}) =>
          `${labels.source} ${labels.certificate} ${Math.round((value * 1000 - Date.now()) / DAY_MS)}`,
      )
    }
    assert.deepEqual(await days(), ['datastore/main ca 400', 'datastore/main client 40'])
    // Nothing is read for it: the day comes by itself.
    wallMs += 20 * DAY_MS
    assert.deepEqual(codes(certificates), ['certificate-expiring'])
    wallMs += 21 * DAY_MS
    assert.deepEqual(codes(certificates), ['certificate-expired'])

    use('long')
    await clock.turn(10_000)
    assert.deepEqual(codes(certificates), [])
    assert.deepEqual(await days(), ['datastore/main ca 400', 'datastore/main client 365'])
    rmSync(issued.at('in-use.key'))
    await clock.turn(10_000)
    assert.deepEqual(codes(certificates), ['certificate-unreadable'])
    stop.abort()
    await certificates.done
  })

  it('a password that everybody can read, and one that is gone, with and without TLS', async () => {
    const user = {name: 'isthmus', passwordFile: issued.at('password')}
    for (const [tls, others] of [
      [{ca: issued.at('ca.pem'), cert: null, key: null}, []],
      [null, ['datastore-insecure']],
    ] as const) {
      writeFileSync(user.passwordFile, 'secret\n', {mode: 0o600})
      const clock = turningClock()
      stop = new AbortController()
      const certificates = start(clock, tls, user)
      await clock.turn(10_000)
      assert.deepEqual(codes(certificates), others)
      chmodSync(user.passwordFile, 0o644)
      await clock.turn(10_000)
      assert.deepEqual(codes(certificates), [...others, 'password-open'])
      rmSync(user.passwordFile)
      await clock.turn(10_000)
      assert.deepEqual(codes(certificates), [...others, 'password-unreadable'])
      stop.abort()
      await certificates.done
    }
  })

  it('clear text stays in sight', async () => {
    const certificates = start(turningClock(), null)
    assert.deepEqual(codes(certificates), ['datastore-insecure'])
    assert.deepEqual(certificates.expiries(), [])
    stop.abort()
    await certificates.done
  })
})
