"""Runs the code of a notebook in the current folder: notebook.py FILE [--write], which stores the outputs in the file.

It needs neither Jupyter nor IPython: cells are plain Python.
"""
import ast
import contextlib
import io
import json
import sys


def run(source, namespace):
    """The outputs of a cell: what it prints, and the value of its last line."""
    tree = ast.parse(source)
    last = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, outputs, value = io.StringIO(), [], None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, '<cell>', 'exec'), namespace)
        if last is not None:
            value = eval(compile(last, '<cell>', 'eval'), namespace)
    if printed.getvalue():
        outputs.append({'output_type': 'stream', 'name': 'stdout', 'text': printed.getvalue().splitlines(True)})
    if value is not None:
        outputs.append({'output_type': 'execute_result', 'metadata': {},
                        'data': {'text/plain': repr(value).splitlines(True)}})
    return outputs


def main(path, write):
    with open(path) as file:
        notebook = json.load(file)
    namespace = {'__name__': '__main__'}
    count = 0
    for cell in notebook['cells']:
        if cell['cell_type'] != 'code':
            continue
        count += 1
        source = ''.join(cell['source'])
        print('[%d] %s' % (count, source))
        outputs = run(source, namespace)
        for output in outputs:
            if output['output_type'] == 'execute_result':
                output['execution_count'] = count
            print(''.join(output.get('text') or output['data']['text/plain']))
        cell['execution_count'], cell['outputs'] = count, outputs
    if write:
        with open(path, 'w') as file:
            json.dump(notebook, file, indent=1, ensure_ascii=False)
            file.write('\n')


if __name__ == '__main__':
    main(sys.argv[1], '--write' in sys.argv[2:])
