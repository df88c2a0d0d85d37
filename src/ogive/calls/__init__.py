"""What a call is, once for every framework.

``arrays``   formats, containers and axes of the arrays that are given
``codegen``  functions that are written out as text
"""
