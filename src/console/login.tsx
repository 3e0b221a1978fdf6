import {useState} from 'preact/hooks'
import {ask} from './ask.ts'
import icon from './icon.svg'
import {useLiveStore} from './live.ts'

/** For whoever has no client certificate: a token that the command line gives once. */
export function Login() {
  const store = useLiveStore()
  const [token, setToken] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const [isAsking, setAsking] = useState(false)
  const send = async (): Promise<void> => {
    setAsking(true)
    const answer = await ask('/v1/login', {body: JSON.stringify({token: token.trim()})})
    setAsking(false)
    if (!answer.ok) return setProblem(answer.message)
    setProblem(null)
    store.startAgain()
  }
  return (
    <main class="login" id="content">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault()
          void send()
        }}
      >
        <h1>
          <img src={icon} alt="" width="40" height="40" /> Isthmus
        </h1>
        <p>
          This gateway wants to know who looks. Use a client certificate that it trusts, or get a token on the gateway:
        </p>
        <pre class="command">isthmus login-token</pre>
        <label class="field">
          <span>One-time token</span>
          <input
            type="text"
            name="token"
            autocomplete="off"
            spellcheck={false}
            value={token}
            aria-describedby={problem ? 'login-problem' : undefined}
            aria-invalid={problem !== null}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        {problem ? (
          <p id="login-problem" class="problem" role="alert">
            {problem}
          </p>
        ) : null}
        <button type="submit" class="primary" disabled={isAsking || token.trim() === ''}>
          {isAsking ? 'Asking…' : 'Log in'}
        </button>
        <p class="quiet">A login may look at everything and change nothing.</p>
      </form>
    </main>
  )
}
