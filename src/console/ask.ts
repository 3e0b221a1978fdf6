import type {GatewayStatus} from '../api/client.ts'

export type Findings = GatewayStatus['findings']

export type Asked<T> =
  | {readonly ok: true; readonly value: T}
  | {readonly ok: false; readonly code: string; readonly message: string; readonly findings: Findings}

const TIMEOUT_MS = 15_000

/** One question to the gateway. What goes wrong is an answer too: a page shows it and the next one may be right. */
export async function ask<T>(path: string, post?: {readonly body: string}): Promise<Asked<T>> {
  try {
    const answer = await fetch(path, {
      ...(post ? {method: 'POST', body: post.body} : {}),
      headers: {accept: 'application/json'},
      credentials: 'same-origin',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    return read<T>(answer.status, await answer.text())
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const message = error.name === 'TimeoutError' ? 'the gateway did not answer in time' : 'the gateway does not answer'
    return {ok: false, code: 'unreachable', message, findings: []}
  }
}

function read<T>(status: number, text: string): Asked<T> {
  try {
    const value = JSON.parse(text)
    if (status >= 200 && status < 300) return {ok: true, value}
    const {code, message, findings = []} = value.error
    return {ok: false, code, message, findings}
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error
    return {ok: false, code: 'unreachable', message: `status ${status}, and no JSON`, findings: []}
  }
}

/** A text of the gateway's own, such as a runbook. */
export async function askText(path: string): Promise<string | null> {
  try {
    const answer = await fetch(path, {credentials: 'same-origin', signal: AbortSignal.timeout(TIMEOUT_MS)})
    return answer.ok ? await answer.text() : null
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return null
  }
}
