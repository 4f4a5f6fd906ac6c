#!/usr/bin/env python3
"""Writes cases.jsonl: templates, variables and what jinja2, set up as transformers does for chat templates, makes of them.

    python tests/golden/jinja/make_cases.py      (jinja2 >= 3.1)

The templates are our own; together they use every construct that the templates of the Llama, Qwen, Mistral, SmolLM and
Phi families use. Lines without "output" are templates that jinja2 refuses.
"""
import json
import os

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = os.path.dirname(os.path.abspath(__file__))


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_same"), [], [], body).set_lineno(line)

    def _same(self, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                        extensions=[Generation, jinja2.ext.loopcontrols])  # fmt: skip
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: "not tested here"
    return env


TOOL = {"type": "function", "function": {"name": "weather", "description": "How it is outside. <b>Now</b> & \"then\"",
        "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "Größe"},
                       "days": {"type": "integer", "default": 1.5}}, "required": ["city"]}}}  # fmt: skip


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


CALL = [{"id": "call00001", "type": "function", "function": {"name": "weather", "arguments": {"city": "Rīga", "days": 2}}}]
CONVERSATIONS = [
    [turn("user", "Hello")],
    [turn("user", "  Hello \n"), turn("assistant", " Hi!\n")],
    [turn("system", "Be brief."), turn("user", "Why?")],
    [turn("system", ""), turn("user", "Why?"), turn("assistant", "Because."), turn("user", "And?")],
    [turn("user", "One"), turn("assistant", "Two"), turn("user", "Three"), turn("assistant", "Four")],
    [turn("user", "Café 北京 \"x\" <y> & 'z' \\ {{ a }} {% b %}")],
    [turn("user", "Two\n\nlines\twith\r\nall kinds of ends ")],
    [turn("system", "S"), turn("user", "Weather?"), turn("assistant", "", tool_calls=CALL), turn("tool", "{\"c\": 3}"),
     turn("assistant", "3 degrees."), turn("user", "Thanks")],
    [turn("user", "Think"), turn("assistant", "<think>\nhm, well\n</think>\n\nFour."), turn("user", "Sure?")],
    [turn("user", [{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}])],
    [turn("assistant", "I begin")],
    [turn("user", "a"), turn("user", "b"), turn("developer", "c")],
]  # fmt: skip

CHAT = {
    "lines": """{% for message in messages %}
{{ message['role'] + ': ' + (message.content if message.content is string else message.content | map(attribute='text') | join('')) | trim }}
{% endfor %}
{% if add_generation_prompt %}
assistant:{% endif %}""",
    "headers": """{{- bos_token }}
{%- if custom_tools is defined %}{% set tools = custom_tools %}{% endif %}
{%- if not date_string is defined %}
    {%- set date_string = "1 May 2025" %}
{%- endif %}
{#- The first message may be the system's. -#}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start|>system<|stop|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Tools:\\n\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message ~ date_string }}
{{- "<|end|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start|>' + message['role'] + '<|stop|>\\n\\n' }}
        {%- if message['content'] is string -%}
            {{ message['content'] | trim + '<|end|>' }}
        {%- else -%}
            {%- for part in message['content'] %}{{ part['text'] }}{% endfor %}{{ '<|end|>' }}
        {%- endif %}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("One call at a time!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '{"name": "' + tool_call.name + '", ' }}
        {{- '"parameters": ' }}{{- tool_call.arguments | tojson }}{{- "}" }}
    {%- elif message.role in ["tool", "ipython"] %}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start|>assistant<|stop|>\\n\\n' }}
{%- endif %}
""",
    "thinking": """{%- set ns = namespace(multi_step=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step and message.role == "user" and message.content is string and not(message.content.startswith('<r>') and message.content.endswith('</r>')) %}
        {%- set ns.multi_step = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}{% set content = message.content %}{% else %}{% set content = '' %}{% endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<im>' + message.role + '\\n' + content + '</im>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last and (loop.last or (not loop.last and reasoning)) %}
            {{- '<im>' + message.role + '\\n<think>\\n' + reasoning.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<im>' + message.role + '\\n' + content }}
        {%- endif %}
        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}
                {%- if (loop.first and content) or (not loop.first) %}{{- '\\n' }}{% endif %}
                {%- if tool_call.function %}{% set tool_call = tool_call.function %}{% endif %}
                {{- '<call>\\n{"name": "' }}{{- tool_call.name }}{{- '", "arguments": ' }}
                {%- if tool_call.arguments is string %}{{ tool_call.arguments }}{% else %}{{ tool_call.arguments | tojson }}{% endif %}
                {{- '}\\n</call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '</im>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}{{- '<im>user' }}{% endif %}
        {{- '\\n<r>\\n' + content + '\\n</r>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '</im>\\n' }}{% endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<im>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{% endif %}
{%- endif %}""",
    "strict": """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- if not tools is defined %}{%- set tools = none %}{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("Roles must alternate") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}
                        {{- '"' + key + '": "' + val + '"' }}
                    {%- else %}
                        {{- '"' + key + '": ' + val|tojson }}
                    {%- endif %}
                    {%- if not loop.last %}{{- ", " }}{%- endif %}
                {%- endfor %}
                {{- "}}" }}{%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" }}{%- endif %}
            {%- endfor %}
            {{- "[/TOOLS]" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[I] " + system_message + "\\n\\n" + message["content"] + "[/I]" }}
        {%- else %}
            {{- "[I] " + message["content"] + "[/I]" }}
        {%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[CALLS] [" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
                {{- raise_exception("ids of 9 characters") }}
            {%- endif %}
            {{- ', "id": "' + tool_call.id + '"}' }}
        {%- endfor %}
        {{- "]" + eos_token }}
    {%- elif message["role"] == "assistant" %}
        {%- generation %}
        {{- " " + message["content"]|trim + eos_token}}
        {%- endgeneration %}
    {%- elif message["role"] == "tool" %}
        {%- set content = message.content.content if message.content is mapping and message.content.content is defined else message.content %}
        {{- '[RESULT] {"content": ' + content|string + "}" }}
    {%- else %}
        {{- raise_exception("Only user, assistant and tool, with the exception of " ~ message.role) }}
    {%- endif %}
{%- endfor %}
""",
    "macros": """{%- macro kind(spec, level=0) -%}
  {%- if spec.type is string -%}
    {{ spec.type | title }}{% if spec.description %} ({{ spec.description|replace('ö', 'oe')|upper }}){% endif %}
  {%- elif spec.type is sequence -%}
    {{ spec.type|join(' or ') }}
  {%- endif -%}
  {%- if spec.properties is defined %}
    {%- for name, inner in spec.properties|dictsort %}
{{ '  ' * (level + 1) }}- {{ name }}: {{ kind(inner, level=level + 1) }}
    {%- endfor %}
  {%- endif -%}
{%- endmacro -%}
{% for tool in tools or [] %}
# {{ tool.function.name }}: {{ kind(tool.function.parameters) }}
{% endfor %}
{% set found = {} %}
{% set roles = messages | map(attribute='role') | unique | sort | join(',') %}
roles {{ roles }}
{% for message in messages if message.role != 'system' %}
  {% if loop.index > 4 %}{% break %}{% endif %}
  {% if message.content is not string %}{% continue %}{% endif %}
  [{{ loop.index }}/{{ loop.length }} {{ loop.revindex }} {{ loop.cycle('odd', 'even') }}{{ ' first' if loop.first }}] {{ message.content | trim | replace('\\n', ' ') | default('-', true) }}
{% else %}
  nobody speaks
{% endfor %}
{% set text %}
<{{ messages | length }}>
{% endset %}
{{ text | trim }}{{ text | length }}
{%+ if add_generation_prompt +%}
 >
{%- endif %}
""",
}

VARIABLES = {"a": 1, "f": 2.5, "s": "Hello World", "e": "", "n": None, "t": True, "l": [3, 1, 2], "d": {"x": 1, "y": {"z": [1, 2]}},
             "w": "  pad\n", "u": "größe ÉCOLE ß", "ds": [{"k": "b", "v": 2}, {"k": "A", "v": 1}, {"k": "c"}], "q": "it's \"so\""}  # fmt: skip

EXPRESSIONS = """
a + 1
a + f * 2 - 7 // 2 % 3
2 ** 10 ** 1
-7 // 2
-7 % 3
7 / 2
6 / 2
1e3
1.5e-7
10 ** 17 / 7
1_000
-a|abs
-2|abs
(-2)|abs
not a
not n and t or e
a if t else f
a if n
'x' if n else 'y' if n else 'z'
1 < 2 < 3
1 < 2 > 3
a == 1.0
t == 1
'a' < 'b'
'ell' in s
'x' not in s
1 in l
'x' in d
'k' in 'kk' ~ 1
s ~ a ~ n ~ t ~ l ~ d ~ f
l + [4]
(1, 2) + (3,)
'ab' * 3
[1] * 2
s[0]
s[-1]
s[1:4]
s[::-1]
s[:-3]
s[20:]
l[1:]
l[::-1]
l[-2:]
l[5] is defined
d.x
d['y'].z[1]
d.y.z.0
d.missing is defined
d.get('x')
d.get('q', 7)
d.items() | list
d.keys() | list
d.values() | list
d | items | list
d
l
(1,)
()
[n, t, 1.0, 'x', q]
q
[q]
['a\\nb\\t\\\\', "it's"]
s | upper
s | lower
u | upper
u | lower
u | title
u | capitalize
u.title()
s.split()
s.split('o')
s.split('o', 1)
s.rsplit('o', 1)
w.strip()
w.lstrip() ~ '|'
w.rstrip() ~ '|'
s.strip('Hd')
s.startswith('Hell')
s.startswith(('x', 'H'))
s.endswith('x')
s.replace('l', 'L')
s.replace('l', 'L', 1)
s.find('o')
s.find('zz')
s.count('l')
u.find('É')
'a,b'.split(',') | join('-')
', '.join(['a', 'b'])
'x'.join(l | map('string'))
s | length
u | length
l | length
d | count
s | trim('Hd')
w | trim
l | first
l | last
l | sort
l | sort(reverse=true)
ds | sort(attribute='k') | map(attribute='k') | join
['b', 'A', 'c'] | sort
['b', 'A', 'c'] | sort(case_sensitive=true)
l | max
l | min
l | sum
ds | map(attribute='v', default=0) | sum
ds | selectattr('v') | map(attribute='k') | list
ds | selectattr('v', 'defined') | list
ds | rejectattr('v', 'defined') | list
ds | selectattr('k', 'equalto', 'c') | list
ds | selectattr('k', 'in', ['b', 'c']) | map(attribute='k') | list
l | select('odd') | list
l | reject('odd') | list
l | select('gt', 1) | list
[0, 1, '', 'x'] | select | list
['a', 'A', 'b'] | unique | list
l | reverse | list
s | reverse
l | map('string') | join(',')
['a ', ' b'] | map('trim') | list
missing
missing | default('d')
e | default('d')
e | default('d', true)
e | default('d', boolean=True)
n | d('x', true)
missing is defined
missing is undefined
n is none
s is string
d is mapping
l is iterable
l is sequence
s is sequence
d is sequence
a is number
f is number
t is number
t is integer
a is integer
f is float
t is boolean
t is true
t is sameas true
a is odd
a is even
6 is divisibleby 3
6 is divisibleby(4)
a is not none
s is upper
'abc' is lower
a is eq 1
a is in [1, 2]
s is not string or t
missing.x is defined
[] is defined
'12' | int
'x' | int
'x' | int(5)
'3.7' | int
3.7 | int
'2.5' | float
3 | float
2.567 | round(2)
2.5 | round
2.1 | round(0, 'ceil')
3.0 | string
100000000000000000.0
0.0001
0.00001
1/3
d | tojson
ds | tojson
d | tojson(indent=2)
[] | tojson(indent=2)
{} | tojson
u | tojson
u | tojson(ensure_ascii=true)
'</script>&\\u2028\\x01' | tojson
{'b': 1, 'a': [n, t, 1.5]} | tojson(sort_keys=true)
{'b': 1, 'a': [n]} | tojson(separators=(',', ':'))
{'a': 1, 'b': [2]} | tojson(indent=4, separators=(',', ': '))
'a\\nb\\n\\nc' | indent
'a\\nb\\n\\nc' | indent(2, true)
'a\\nb\\n\\nc' | indent(2, blank=true)
s | list
s | wordcount
'<a>&"' | e
range(3) | list
range(1, 7, 2) | list
range(5, 0, -2) | list
namespace(a=1).a
dict(a=1, b=2)
d.items() | map('first') | list
d | dictsort
{'b': 2, 'A': 1, 'c': 0} | dictsort(by='value')
'%s' | string
'a' 'b' "c"
"\\u00e9\\x41\\101\\q"
(s)[0]
(a + 1) | string + 'x'
s.upper().lower().title()
'abc'.isalpha() and '12'.isdigit()
'x y'.isspace()
'prefix-a'.removeprefix('prefix-')
'a.txt'.removesuffix('.txt')
'a\\nb\\r\\n'.splitlines()
loop is defined
none
None
True
false
1 if a else 2 ~ 'x'
not a == 2
a != 2 and a not in [2]
{'a': {'b': 1}}.a.b
{'a': 1,}
[1, 2,]
messages is not defined
d == {'x': 1, 'y': {'z': [1, 2]}}
l == [3, 1, 2]
(1, 2) == [1, 2]
[1, 2] < [1, 3]
'ß'.upper()
missing ~ 'x'
missing == missing
missing | list
missing | length
missing | join
missing or 'y'
d.x | default(3)
missing.x
missing + 1
missing['x']
missing()
1 + 'a'
'a' + 1
'a' < 1
n + 1
n.x
n | length
1 | list
1 / 0
l.append(4)
d.update({})
s.nothing()
d.x()
raise_exception('no')
a.b.c
'x' in 5
[1][0:1:0]
{'a': 1}.a | int + 'x'
l | map('nothing') | list
{1, 2}
a b
a +
""".strip("\n").split("\n")

STATEMENTS = [
    "a\n{% if t %}\nb\n{% endif %}\nc\n",
    "a\n  {% if t %}\n  b\n  {% endif %}\n  c\n\n",
    "a\n  {%- if t -%}\n  b\n  {%- endif -%}\n  c",
    "a\n  {%+ if t %}\n  b\n  {%+ endif %}\n  c",
    "a\n  {% if t +%}\n  b\n  {% endif +%}\n  c",
    "a  {{ a }}\n{{ a }}\n\n{{- a }}  {{ a -}}  \n b",
    "a\n  {# note #}\n  b {# note #} c\n{#- note -#}\n d",
    "a\r\n{% if t %}\r\nb{% endif %}\r\n",
    "{% for x in l %}{{ x }}{{ ',' if not loop.last }}{% endfor %}",
    "{% for x in l %}\n  {{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}\n{% endfor %}",
    "{% for x in l %}{{ loop.previtem }}-{{ x }}-{{ loop.nextitem }};{% endfor %}",
    "{% for x in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }};{% endfor %}",
    "{% for x in [1, 1, 2, 1] %}{{ loop.changed(x) }}{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}",
    "{% for (a, b) in [(1, 2), [3, 4]] %}{{ a }}{{ b }}{% endfor %}{{ a }}",
    "{% for x in [] %}x{% else %}none{% endfor %}",
    "{% for x in l if x > 1 %}{{ loop.index }}:{{ x }} {% else %}none{% endfor %}",
    "{% for x in l if x > 9 %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for c in 'añb' %}[{{ c }}]{% endfor %}",
    "{% for x in missing %}x{% else %}e{% endfor %}",
    "{% for x in range(2) %}{% for y in range(2) %}{{ loop.index }}{{ x }}{{ y }} {% endfor %}{{ loop.index }}{% endfor %}",
    "{% for x in [[1, [2]], [3]] recursive %}{{ loop.depth }}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}",
    "{% set x = 1 %}{% for y in l %}{% set x = y %}{{ x }}{% endfor %}{{ x }}",
    "{% set x = 1 %}{% if t %}{% set x = 2 %}{% endif %}{{ x }}",
    "{% set ns = namespace(x=1) %}{% for y in l %}{% set ns.x = ns.x + y %}{% endfor %}{{ ns.x }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "{% set x = 1, 2 %}{{ x }}",
    "{% set x %}\n  hello {{ s }}\n{% endset %}[{{ x }}]",
    "{% set x | upper | trim %}  hello {% endset %}[{{ x }}]",
    "{% filter upper %}a{{ s }}{% endfilter %}",
    "{% macro m(x, y=2, z='q') %}{{ x }}{{ y }}{{ z }}{% endmacro %}{{ m(1) }}|{{ m(1, z=3) }}|{{ m(y=5, x=6) }}|{{ m() }}",
    "{% macro m(x) %}{{ caller() if caller is defined }}{{ x }}{% endmacro %}{% call m(1) %}body{% endcall %}",
    "{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(4) }}",
    "{% macro m() %}{{ v }}{% endmacro %}{% set v = 3 %}{{ m() }}",
    "{% macro m(x) -%}  {{ x }}  {%- endmacro %}[{{ m('a') | trim }}]",
    "{% if n %}1{% elif e %}2{% elif a %}3{% else %}4{% endif %}",
    "{% if a and not n and (l|length > 2 or e) %}y{% endif %}",
    "{% raw %}{{ not }} {% this %}{% endraw %} {{ a }}",
    "a {%- raw -%} {{ x }} {%- endraw -%} b",
    "{% generation %}said{% endgeneration %}\nx",
    "{{ '{{' }}{{ '%}' }}{{ \"}}\" }}",
    "{{ {'a': {'b': 1}}['a']['b'] }}{{ {'a': {'b': 1}} }}",
    "{% set x = {'a': [1, {'b': 2}]} %}{{ x.a[1].b }}{{ x }}",
    "a { b } {c %} #}",
    "\n\n{% if t %}x{% endif %}\n\n",
    "   {{ a }}   \n   {% set y = 1 %}   \n{{ y }}",
    "{% set s = 'x' -%}   \n {{- s }}",
    "{{ a -}}\n{%- if t %} x{% endif %}",
    "{% for x in l -%}\n {{ x }}\n{% endfor %}",
    "{% if t %}{# c #}\n{% endif %}z",
    "{% set ns.x = 1 %}",
    "{% set d.x = 1 %}",
    "{% for a, b in l %}{% endfor %}",
    "{% if %}{% endif %}",
    "{% for x in l %}",
    "{% else %}",
    "{% unknown %}",
    "{{ a",
    "{% macro m(x) %}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(x) %}{% endmacro %}{{ m(y=2) }}",
    "{{ namespace(a=1)['a'] }}",
]  # fmt: skip


def main():
    env = environment()
    with open(os.path.join(HERE, "cases.jsonl"), "w", encoding="utf-8") as file:

        before = None

        def write(template, variables):
            nonlocal before
            case = {"template": template}
            if variables != before:  # else they are those of the line before
                before = case["variables"] = variables
            try:
                case["output"] = env.from_string(template).render(**variables)
            except (jinja2.exceptions.TemplateError, TypeError, ZeroDivisionError, ValueError, AttributeError) as error:
                del error
            file.write(json.dumps(case, ensure_ascii=False) + "\n")

        for expression in EXPRESSIONS:
            write("{{ " + expression + " }}", VARIABLES)
        for statement in STATEMENTS:
            write(statement, VARIABLES)
        for template in CHAT.values():
            for number, messages in enumerate(CONVERSATIONS):
                variables = {"messages": messages, "add_generation_prompt": number % 2 == 0, "bos_token": "<s>",
                             "eos_token": "</s>", "tools": [TOOL] if number % 3 == 2 else None}  # fmt: skip
                if number % 4 == 3:
                    variables["enable_thinking"] = False
                write(template, variables)


if __name__ == "__main__":
    main()
