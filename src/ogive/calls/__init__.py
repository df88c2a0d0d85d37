"""What a call is, once for every framework.

``loop``     what each kernel takes and gives
``formats``  one record for each format of floating-point numbers
``arrays``   arrays as they are given: their containers, coercion and axes
``codegen``  functions that are written out as text
"""
