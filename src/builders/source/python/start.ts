import { join } from 'node:path'
import { exists, readText, walk } from '../files.ts'

const MODULES = [
  'app',
  'main',
  'wsgi',
  'asgi',
  'application',
  'server',
  'api',
  'src/app',
  'src/main',
  'app/main',
  'app/__init__',
]
const ASYNC = /^(\w+)(?:\s*:[^=\n]+)?\s*=\s*(?:\w+\.)?(FastAPI|Starlette|Quart|Litestar|BlackSheep)\(/m
const SYNC = /^(\w+)(?:\s*:[^=\n]+)?\s*=\s*(?:\w+\.)?(Flask|Bottle|APIFlask|Dash|create_app)\(/m
const DJANGO_SYNC = /get_wsgi_application\(\)/
const FACTORY = /^def (create_app|make_app)\(/m

/** How a Python app is served on $PORT, from its files and the packages it asks for; null where nothing tells. */
export async function startCommand(folder: string, packages: ReadonlySet<string>): Promise<string | null> {
  if (await exists(join(folder, 'manage.py'))) return await django(folder, packages)
  for (const path of MODULES) {
    const text = await readText(join(folder, `${path}.py`))
    if (text === null) continue
    const module = path.replace(/\/__init__$/, '').replaceAll('/', '.')
    const asynchronous = ASYNC.exec(text)
    if (asynchronous) return asyncServer(`${module}:${asynchronous[1]}`, packages) ?? `python ${path}.py`
    const synchronous = SYNC.exec(text)
    if (synchronous) return syncServer(`${module}:${synchronous[1]}`, packages) ?? `python ${path}.py`
    if (FACTORY.test(text) && packages.has('flask'))
      return syncServer(`${module}:${FACTORY.exec(text)![1]}()`, packages)
  }
  for (const path of ['app', 'main', 'server', 'application']) {
    if (await exists(join(folder, `${path}.py`))) return `python ${path}.py`
  }
  return null
}

function asyncServer(app: string, packages: ReadonlySet<string>): string | null {
  if (packages.has('uvicorn')) return `uvicorn ${app} --host 0.0.0.0 --port $PORT`
  if (packages.has('hypercorn')) return `hypercorn ${app} --bind 0.0.0.0:$PORT`
  // The standard extra of FastAPI brings uvicorn along without naming it.
  return packages.has('fastapi') ? `uvicorn ${app} --host 0.0.0.0 --port $PORT` : null
}

function syncServer(app: string, packages: ReadonlySet<string>): string | null {
  const quoted = app.endsWith('()') ? `'${app}'` : app
  if (packages.has('gunicorn')) return `gunicorn ${quoted} --bind 0.0.0.0:$PORT`
  if (packages.has('waitress'))
    return `waitress-serve --port=$PORT ${app.endsWith('()') ? `--call ${app.slice(0, -2)}` : app}`
  return packages.has('flask') ? `flask --app ${quoted} run --host 0.0.0.0 --port $PORT` : null
}

async function django(folder: string, packages: ReadonlySet<string>): Promise<string> {
  const skip = (path: string) =>
    path.split('/').length > 3 || /(^|\/)(node_modules|\.venv|\.git|static)$/.test(path)
  const files = (await walk(folder, skip)).map(({ path }) => path)
  const moduleOf = (path: string) => path.slice(0, -'.py'.length).replaceAll('/', '.')
  const synchronous = files.find((path) => path.endsWith('/wsgi.py'))
  const asynchronous = files.find((path) => path.endsWith('/asgi.py'))
  if (
    packages.has('gunicorn') &&
    synchronous &&
    DJANGO_SYNC.test((await readText(join(folder, synchronous))) ?? '')
  ) {
    return `gunicorn ${moduleOf(synchronous)} --bind 0.0.0.0:$PORT`
  }
  if (packages.has('uvicorn') && asynchronous)
    return `uvicorn ${moduleOf(asynchronous)}:application --host 0.0.0.0 --port $PORT`
  return 'python manage.py runserver 0.0.0.0:$PORT --noreload'
}

/** Django's own files for browsers are gathered where the settings say where to. */
export async function collectsStaticFiles(folder: string): Promise<boolean> {
  if (!(await exists(join(folder, 'manage.py')))) return false
  for (const { path, kind } of await walk(folder, (one) => /(^|\/)(node_modules|\.venv|\.git)$/.test(one))) {
    if (kind !== 'file' || !/(^|\/)settings(\/[^/]+)?\.py$|(^|\/)settings\.py$/.test(path)) continue
    if (/^\s*STATIC_ROOT\s*=/m.test((await readText(join(folder, path))) ?? '')) return true
  }
  return false
}
