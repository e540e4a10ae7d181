{{- define "access.subjects" -}}
subjects:
  {{- with .Values.user }}
  - apiGroup: rbac.authorization.k8s.io
    kind: User
    name: {{ . | quote }}
  {{- end }}
  {{- with .Values.group }}
  - apiGroup: rbac.authorization.k8s.io
    kind: Group
    name: {{ . | quote }}
  {{- end }}
  {{- if .Values.serviceAccount }}
  - kind: ServiceAccount
    name: {{ .Values.name }}
    namespace: {{ .Release.Namespace }}
  {{- end }}
{{- end }}
