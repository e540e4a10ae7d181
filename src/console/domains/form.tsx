/** One more name for an app. */
import { useState } from 'react'
import { askAdd } from './actions.ts'

export function DomainForm({ app, environment }: { app: string; environment: string }) {
  const [host, setHost] = useState('')
  const [certificate, setCertificate] = useState('')
  return (
    <form
      className="note invite"
      onSubmit={(event) => {
        event.preventDefault()
        const asked = { app, environment, host: host.trim(), certificate: certificate.trim() }
        askAdd(asked, () => {
          setHost('')
          setCertificate('')
        })
      }}
    >
      <label className="field grow">
        Name
        <input
          className="input"
          required
          maxLength={255}
          placeholder="shop.example.com"
          autoComplete="off"
          spellCheck={false}
          value={host}
          onChange={(event) => setHost(event.target.value)}
        />
      </label>
      <label className="field grow">
        Certificate, if it has one
        <input
          className="input"
          maxLength={253}
          placeholder="shop-tls"
          autoComplete="off"
          spellCheck={false}
          value={certificate}
          onChange={(event) => setCertificate(event.target.value)}
        />
      </label>
      <button type="submit" className="button">
        Add…
      </button>
    </form>
  )
}
