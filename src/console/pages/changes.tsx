import {useState} from 'preact/hooks'
import {useLive} from '../live.ts'
import {LogLine} from '../log-line.tsx'
import {PageHead, Panel} from '../panel.tsx'

const CHOICES = [
  {word: 'All', severities: ['error', 'warning', 'info']},
  {word: 'Warnings and errors', severities: ['error', 'warning']},
  {word: 'Errors', severities: ['error']},
] as const

/** What happened, the newest first, as it happens. */
export function Changes() {
  const {log} = useLive()
  const [chosen, setChosen] = useState(0)
  const [text, setText] = useState('')
  const wanted = text.toLowerCase()
  const severities: readonly string[] = CHOICES[chosen]!.severities
  const shown = log.filter(
    ({severity, what, object, code}) =>
      severities.includes(severity) && `${what} ${object} ${code}`.toLowerCase().includes(wanted),
  )
  return (
    <>
      <PageHead title="Changes" />
      <Panel
        title="What happened, the newest first"
        aside={
          <fieldset class="choice">
            <legend class="unseen">How bad</legend>
            {CHOICES.map(({word}, index) => (
              <button key={word} type="button" aria-pressed={index === chosen} onClick={() => setChosen(index)}>
                {word}
              </button>
            ))}
          </fieldset>
        }
      >
        <label class="field field-inline">
          <span>Only with</span>
          <input type="search" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        {shown.length === 0 ? (
          <p class="nothing">Nothing of that since the daemon started.</p>
        ) : (
          <ol class="lines log">
            {shown.map((entry) => (
              <LogLine key={entry.id} entry={entry} at={moment(entry.at)} />
            ))}
          </ol>
        )}
      </Panel>
    </>
  )
}

const moment = (iso: string): string => {
  const at = new Date(iso)
  return Number.isNaN(at.getTime()) ? iso : `${at.toLocaleDateString('en-CA')} ${at.toLocaleTimeString('en-GB')}`
}
