{{/*
A set whose workspace follows somebody's files: what the image holds is copied into a volume once, an agent writes there,
and the command starts anew in place when the agent says so. Names and processes are told apart by what they are given.
*/}}

{{/* What runs before and beside the command of such a set; it may do no more than the app may. */}}
{{- define "app.liveContainers" -}}
{{- $set := index .root.Values.sets .set -}}
- name: fill
  image: {{ $set.image }}
  imagePullPolicy: IfNotPresent
  command:
    - sh
    - -c
    - |
      {{- include "app.liveFill" . | nindent 6 }}
  # What it says is all that is told of why the app can't begin.
  terminationMessagePolicy: FallbackToLogsOnError
  {{- include "app.liveGuards" . | nindent 2 }}
- name: agent
  image: {{ $set.live.agent }}
  imagePullPolicy: IfNotPresent
  # Beside the app for as long as it runs.
  restartPolicy: Always
  command:
    {{- toYaml $set.live.command | nindent 4 }}
    - /live
    - {{ .process | quote }}
    - {{ ternary (include "app.port" .) "-" .takesTraffic | quote }}
    - {{ ternary "reloads" "starts-anew" (.spec.reloads | default false) | quote }}
  {{- include "app.liveGuards" . | nindent 2 }}
{{- end }}

{{- define "app.liveGuards" -}}
resources:
  requests:
    cpu: 50m
    memory: 64Mi
    ephemeral-storage: 50Mi
  limits:
    {{- if .root.Values.resources.cpuLimit }}
    cpu: 500m
    {{- end }}
    memory: 256Mi
    ephemeral-storage: {{ .root.Values.resources.storage }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
volumeMounts:
  - name: live
    mountPath: /live
{{- end }}

{{/* Once per pod. What is there already is somebody's, and stays. */}}
{{- define "app.liveFill" -}}
for tool in cp mkfifo setsid; do
  command -v "$tool" >/dev/null && continue
  echo "the image has no $tool, which a workspace that follows files needs" >&2; exit 1
done
set -e; cd /live
mkdir -p state control
for pipe in ask said go; do [ -p "control/$pipe" ] || mkfifo "control/$pipe"; done
[ -d workspace ] && exit 0
rm -rf filling; cp -a /workspace filling; mv filling workspace
{{- end }}

{{/*
One loop that reads from one pipe, so that nothing is missed between two looks: the agent asks there, and whoever runs the
command tells there how it begins and ends. The command leads a session of its own, and all of it is ended together.
Where it is `node <file>`, the next life is begun ahead, once the one before has come up: Node is started, and no line of the
app is read before it is told to go on.
*/}}
{{- define "app.liveSupervise" -}}
export TOW_PROCESS="$1.${TOW_POD#"${TOW_POD%?????}"}"; unset TOW_POD
{{ include "app.shellTools" . }}
exec 6<>/run/tow/go 8<>/run/tow/ask 9<>/run/tow/said
read -r token </proc/sys/kernel/random/uuid
command=$(led "$2") life=0 asked=0 child= again= leaving= last= ahead= spare= going=
# An option of Node may read a file too early, or open a debugger's port.
waits=; case $NODE_OPTIONS$2 in *[!A-Za-z0-9_./\ -]*) ;; node\ [!-]*) waits=1 ;; esac
launch() { # life word
  # What this shell itself would say of how it ended is not the command's.
  ( exec 6>&- 5>&-
    if [ "$2" = waits ]; then
      export TOW_AHEAD="6 5 $token.$1" NODE_OPTIONS=--require=/run/tow/ahead.cjs; exec 6</run/tow/go 5>&8
    fi
    setsid sh -c 'echo "$2 $0 $$" >&8; exec 2>&7 7>&- 8>&- 9>&-; exec sh -c "$1"' "$token.$1" "$command" "$2"
    echo "ended $token.$1 $?" >&8 ) 7>&2 2>/dev/null &
}
begin() {
  child= again= last=
  if [ "$spare" ]; then
    life=$ahead child=$spare runner=$sparer ahead= spare=
    echo "$token.$life" >&6; going=1
  else
    life=$((${ahead:-$life} + 1)) ahead=; launch "$life" begun; runner=$!
  fi
}
begun() {
  last=begun going=
  # It may have read what has changed since.
  if [ "$again$leaving" ]; then end TERM; else tell begun; fi
  [ -z "$waits" ] || { sleep 0.3; echo "prepare $token.$life" >&8; } &
}
prepare() {
  ahead=$((life + 1))
  launch "$ahead" waits; sparer=$!
}
tell() { last="$*"; echo "$last $asked" >&9; }
end() { [ -z "$child" ] || kill "-$1" "-$child" 2>/dev/null; }
ended() {
  while [ "$leaving" ] && lives "$child"; do sleep 0.05; done
  # Nothing of it may be left that would hold a port; the shell takes note of what has ended whenever it waits.
  if end KILL && [ -n "$child" ]; then
    tries=0; while [ "$tries" -lt 50 ] && end 0; do sleep 0.01; tries=$((tries + 1)); done
  fi
  wait "$runner"; child=
  if [ "$leaving" ]; then leave "$1"; fi
  if [ "$again$going" ]; then going=; begin; return; fi
  tell ended "$1"
  how="ended with $1"; if [ "$1" -gt 128 ]; then how="was ended by SIG$(kill -l "$1")"; fi
  echo "[tow] it $how, and starts again with the next change" >&2
}
leave() { [ -z "$spare" ] || kill -KILL "-$spare" 2>/dev/null; exit "$1"; }
trap 'echo leave >&8' TERM
begin
while :; do
  # A signal ends the wait for the next line.
  read -r word which value <&8 || continue
  case $word in
    begun) [ "$which" != "$token.$life" ] || { child=${value:-$child}; begun; } ;;
    prepare) [ "$which$again$leaving$ahead" != "$token.$life" ] || prepare ;;
    waits)
      # One that nobody waits for any more is let go.
      if [ "$which" = "$token.$ahead" ]; then spare=$value; else kill -KILL "-$value" 2>/dev/null; fi ;;
    ended)
      if [ "$which" = "$token.$life" ]; then ended "$value"; elif [ "$which" = "$token.$ahead" ]; then ahead= spare=; fi ;;
    restart) asked=$which; if [ "$last" != "${last#ended}" ]; then begin; else again=1; end TERM; fi ;;
    kill) [ -z "$again" ] || end KILL ;;
    tell) [ -z "$last" ] || echo "$last $asked" >&9 ;;
    leave) leaving=1; if [ "$last" != "${last#ended}" ]; then leave "${last#ended }"; fi; end TERM ;;
  esac
done
{{- end }}
