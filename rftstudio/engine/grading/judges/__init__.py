"""Judges: other models that grade. An endpoint is any chat server that speaks OpenAI's protocol.

`endpoint` says which server, `judges` asks it, `question` is what kinds of graders put together. Only `client` and what
imports it know of HTTP; importing this package alone loads none of that.
"""
