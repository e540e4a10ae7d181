/** Three small repositories in other people's style, that have never heard of Towpath. */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

export interface Stranger {
  name: string
  /** What its build needs on this machine. */
  tool: string
  files: Record<string, string>
  /** What `/` answers. */
  answer: string
}

export const STRANGERS: readonly Stranger[] = [
  {
    name: 'express-hello',
    tool: 'npm',
    answer: 'Hello from Express',
    files: {
      'package.json': JSON.stringify({
        name: 'express-hello',
        version: '1.0.0',
        main: 'app.js',
        scripts: { start: 'node app.js' },
        dependencies: { express: '^5.1.0' },
      }),
      'app.js': `const express = require('express')
const app = express()
app.get('/', (req, res) => res.send('Hello from Express'))
app.listen(process.env.PORT || 3000)
`,
      '.gitignore': 'node_modules\n',
    },
  },
  {
    name: 'flask-hello',
    tool: 'python3',
    answer: 'Hello from Flask',
    files: {
      'requirements.txt': 'Flask==3.1.2\ngunicorn==23.0.0\n',
      'app.py': `from flask import Flask
app = Flask(__name__)

@app.route("/")
def hello():
    return "Hello from Flask"
`,
      Procfile: 'web: gunicorn app:app\n',
      '.gitignore': 'venv\n__pycache__\n',
    },
  },
  {
    name: 'go-hello',
    tool: 'go',
    answer: 'Hello from Go',
    files: {
      'go.mod': 'module example.com/go-hello\n\ngo 1.18\n',
      'main.go': `package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "Hello from Go") })
	http.ListenAndServe(":"+os.Getenv("PORT"), nil)
}
`,
    },
  },
]

/** Makes the repository, with its one commit. */
export async function makeStranger(folder: string, { files }: Stranger): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  const git = (...args: string[]) =>
    execute('git', ['-C', folder, '-c', 'user.name=Ann', '-c', 'user.email=ann@example.com', ...args])
  await git('init', '-q', '-b', 'main')
  await git('add', '.')
  await git('commit', '-q', '-m', 'First')
}

/** Whether the tool runs on this machine. */
export async function hasTool(tool: string): Promise<boolean> {
  const words = tool === 'go' ? ['version'] : ['--version']
  return execute(tool, words).then(
    () => true,
    () => false,
  )
}
