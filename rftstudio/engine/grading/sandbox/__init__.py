"""Where Python graders run: a process that can compute, and nothing else. Nothing else may run an author's code.

The parent's side: `source` (is it a grader?), `pool` (who runs it), `detect` (which layers hold here), `status` (what
to tell people). The jail's side, started by `exec` and importing the standard library only: `launcher`, `namespaces`,
`landlock`, `seccomp`, `limits`, `zygote`, `worker`.
"""
