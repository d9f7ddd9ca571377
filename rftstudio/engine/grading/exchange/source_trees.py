"""Two changes to a module's syntax tree for `python_source.py`: what only readers need taken off, names told apart."""

import ast


class Bare(ast.NodeTransformer):
    """Takes off docstrings, the hints of functions, and the texts that only a form shows."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        for argument in (
            *node.args.posonlyargs,
            *node.args.args,
            *node.args.kwonlyargs,
            node.args.vararg,
            node.args.kwarg,
        ):
            if argument is not None:
                argument.annotation = None
        node.body = _without_docstring(node.body)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        node.body = _without_docstring(node.body)
        if any("dataclass" in ast.unparse(each) for each in node.decorator_list):
            for field in node.body:
                # A hint that is a text would be looked up in the module, which a sandbox may not have registered.
                if isinstance(field, ast.AnnAssign) and isinstance(field.annotation, ast.Constant):
                    field.annotation = ast.Name("object", ast.Load())
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "Field":
            node.keywords = [each for each in node.keywords if each.arg not in ("title", "description")]
        return node


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:] or [ast.Pass()]
    return body


class Renamed(ast.NodeTransformer):
    """Gives names at the top of a module their new ones, except where a function has its own of that name."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self.names.get(node.name, node.name)
        return self._inside(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        return self._inside(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self.names.get(node.name, node.name)
        fields = {
            each.target.id
            for each in node.body
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
        }
        methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
        before, kept = self.names, {name: new for name, new in self.names.items() if name not in fields | methods}
        self.names = kept
        self.generic_visit(node)
        self.names = before
        return node

    def _inside(self, node: ast.FunctionDef | ast.Lambda) -> ast.AST:
        arguments = node.args
        own = {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
        own |= {each.arg for each in (arguments.vararg, arguments.kwarg) if each is not None}
        own |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
        before, self.names = self.names, {name: new for name, new in self.names.items() if name not in own}
        self.generic_visit(node)
        self.names = before
        return node
