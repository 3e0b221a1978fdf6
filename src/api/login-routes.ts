import * as z from 'zod'
import {json, refuse} from './answer.ts'
import {Login, LoginToken, Nothing} from './answer-schemas.ts'
import type {Caller} from './caller.ts'
import type {LoginAnswer} from './live-view.ts'
import {MOST_TOKEN_MINUTES} from './logins.ts'
import {NO_QUERY, wholeNumber} from './query.ts'
import {type Route, route} from './route.ts'

const isoOf = (ms: number): string => new Date(ms).toISOString()

const loginAnswer = ({via, role, name, until}: Pick<Caller, keyof LoginAnswer>): LoginAnswer => ({
  ...{via, role, name, until},
})

/** How people come in over TCP: a token from the command line once, a session from then on. */
export const LOGIN_ROUTES: readonly Route[] = [
  route(
    {
      ...{method: 'POST', path: '/v1/login-token', does: 'makes a token that lets one in once', role: 'admin'},
      ...{query: z.strictObject({minutes: wholeNumber(1, MOST_TOKEN_MINUTES, ' minutes').default(5)}), body: null},
      answers: {200: LoginToken},
      refuses: [409],
    },
    ({logins, listens}, {query}) => {
      const listen = listens()
      if (listen === null) return refuse(409, 'no-listener', 'nothing listens on TCP: `api.listen` is not configured')
      const {token, untilMs} = logins.makeToken(query.minutes)
      const expiresAt = isoOf(untilMs)
      return {...json({token, expiresAt, listen}), changed: `a token that lets a viewer in once, until ${expiresAt}`}
    },
  ),
  route(
    {
      ...{method: 'POST', path: '/v1/login', does: 'a session for a token', role: 'anyone'},
      ...{query: NO_QUERY, body: z.strictObject({token: z.string().min(1).max(128)})},
      answers: {200: Login},
      refuses: [401],
    },
    ({logins}, {body}) => {
      const entered = logins.login(body.token)
      if (!entered) return refuse(401, 'login-refused', 'no such token: it is used, too old, or of an earlier run')
      const {name, untilMs} = entered.session
      const answer = loginAnswer({via: 'session', role: 'viewer', name, until: isoOf(untilMs)})
      return {...json(answer), headers: {'set-cookie': entered.cookie}}
    },
  ),
  route(
    {
      ...{method: 'GET', path: '/v1/login', does: 'who asks, and what he may', role: 'anyone'},
      ...{query: NO_QUERY, body: null},
      answers: {200: Login},
    },
    (_, {caller}) => json(loginAnswer(caller)),
  ),
  route(
    {
      ...{method: 'POST', path: '/v1/logout', does: 'ends the session', role: 'anyone'},
      ...{query: NO_QUERY, body: null},
      answers: {200: Nothing},
    },
    ({logins}, {header}) => {
      const session = logins.sessionOf(header('cookie'))
      if (session) logins.logout(session)
      return {...json({}), headers: {'set-cookie': logins.goneCookie}}
    },
  ),
]
