"""What `./studio` does: environment, checks, processes.

Standard library only, for it runs under the machine's Python before anything is installed. It imports no other room:
what it needs of the product it asks of the environment's Python, in a child process.
"""
