import assert from 'node:assert/strict'
import {COOKIE, createLogins} from '../../src/api/logins.ts'

describe('logins', () => {
  let nowMs = 0
  beforeEach(() => {
    nowMs = 1_000_000
  })
  const start = () => createLogins(() => nowMs)
  /** What a browser would send back. */
  const cookieOf = (header: string): string => header.split(';')[0]!

  it('a token lets in once, and the session lasts a working day', () => {
    const logins = start()
    const {token, untilMs} = logins.makeToken(5)
    assert.equal(untilMs, nowMs + 300_000)
    assert.match(token, /^[\w-]{43}$/)
    const entered = logins.login(token)
    assert.ok(entered)
    assert.equal(logins.login(token), null, 'used')
    assert.match(
      entered.cookie,
      /^__Host-isthmus=[\w-]{43}; Path=\/; Max-Age=28800; HttpOnly; Secure; SameSite=Strict$/,
    )
    assert.equal(logins.sessionOf(`a=b; ${cookieOf(entered.cookie)}`), entered.session)
    nowMs += 8 * 3_600_000 - 1
    assert.ok(logins.isOpen(entered.session))
    nowMs++
    assert.equal(logins.sessionOf(cookieOf(entered.cookie)), null)
    assert.equal(logins.isOpen(entered.session), false)
  })

  it('a token that is late, wrong or of another run lets nobody in', () => {
    const logins = start()
    const {token} = logins.makeToken(1)
    assert.equal(start().login(token), null)
    assert.equal(logins.login(`${token}x`), null)
    assert.equal(logins.login(''), null)
    nowMs += 60_000
    assert.equal(logins.login(token), null)
  })

  it('a logout ends the session', () => {
    const logins = start()
    const entered = logins.login(logins.makeToken(1).token)!
    logins.logout(entered.session)
    assert.equal(logins.sessionOf(cookieOf(entered.cookie)), null)
    assert.equal(logins.isOpen(entered.session), false)
    assert.match(logins.goneCookie, /Max-Age=0/)
  })

  const cookies: readonly [name: string, header: (good: string) => string | undefined][] = [
    ['none', () => undefined],
    ['an empty one', () => `${COOKIE}=`],
    ['one of another name', (good) => `isthmus=${good.split('=')[1]}`],
    ['a wrong one', () => `${COOKIE}=${'A'.repeat(43)}`],
    ['two of the name', (good) => `${good}; ${COOKIE}=x`],
    ['nonsense', () => ';;==; ='],
  ]
  for (const [name, header] of cookies) {
    it(`no session by ${name}`, () => {
      const logins = start()
      const {cookie} = logins.login(logins.makeToken(1).token)!
      assert.equal(logins.sessionOf(header(cookieOf(cookie))), null)
    })
  }

  it('a flood of tokens or sessions displaces the oldest, and nothing grows', () => {
    const logins = start()
    const first = logins.makeToken(5).token
    for (let index = 0; index < 100; index++) logins.makeToken(5)
    assert.equal(logins.login(first), null)
    const oldest = logins.login(logins.makeToken(5).token)!
    for (let index = 0; index < 1000; index++) logins.login(logins.makeToken(5).token)
    assert.equal(logins.isOpen(oldest.session), false)
  })
})
